"""Function words and everyday words, by language.

Function words have two uses: they identify the language of a text, and they are left out of searches. They include
question words. All words are casefolded NFKC text with their accents.
"""

from __future__ import annotations

from functools import lru_cache

#: Names of the Snowball stemmers, by language.
ALGORITHMS = {
    "en": "english",
    "es": "spanish",
    "pt": "portuguese",
    "fr": "french",
    "de": "german",
    "it": "italian",
    "nl": "dutch",
    "id": "indonesian",
    "tr": "turkish",
    "sv": "swedish",
    "da": "danish",
    "no": "norwegian",
    "fi": "finnish",
    "pl": "polish",
    "ro": "romanian",
    "hu": "hungarian",
    "ru": "russian",
    "el": "greek",
    "ar": "arabic",
    "fa": "persian",
    "hi": "hindi",
}

_FUNCTION_WORDS = {
    "en": """
        a about above after again all also always am an and any anyone anything are aren as at be because been before
        being below between both but by can cannot could couldn d did didn do does doesn doing don down during each
        either else ever every everyone few for from further get gets getting got had hadn has hasn have haven having
        he her here hers herself him himself his how i if in into is isn it its itself just ll let m me more most much
        my myself no nor not of off on once one only or other our ours ourselves out over own re s same shall shan she
        should shouldn so some someone something such t than that the their theirs them themselves then there these
        they this those through to too under until up upon us ve very was wasn we were weren what when where which
        while who whom whose why will with within without won would wouldn y yes you your yours yourself yourselves oh
        ok okay hey hi hello wow yeah yep really im ive id dont didnt doesnt thats whats
    """,
    "es": """
        a al algo algún alguna algunas alguno algunos ante antes aquel aquella aquí así aunque bien cada casi como con
        contra cual cuál cuales cuáles cualquier cuando cuándo cuánta cuántas cuánto cuántos cuyo de del desde donde
        dónde dos durante e el él ella ellas ellos en entre era eran eres es esa esas ese eso esos esta está están
        estar estaba estas este esto estos estoy fue fueron ha hace hacia han hasta hay he hemos la las le les lo los
        más me mi mis mí mientras mucha muchas mucho muchos muy nada ni no nos nosotros nuestra nuestro o os otra
        otras otro otros para pero poco por porque pues que qué quien quién quienes quiénes se sea según ser si sí
        sido sin sobre son soy su sus suya suyo también tan tanto te tiene tienen tengo toda todas todo todos tu tus
        tú un una uno unos unas usted y ya yo
    """,
    "pt": """
        a à às ao aos algo algum alguma alguns algumas ante antes após aquela aquele aquilo as até bem cada com como
        da das de dela dele delas deles depois desde do dos e é ela elas ele eles em entre era eram essa essas esse
        esses esta está estão estas este estes estou eu foi foram há isso isto já lhe lhes lo mais mas me mesma mesmo
        meu meus meio minha minhas muita muitas muito muitos na nas não nem no nos nós nossa nosso num numa o os ou
        outra outras outro outros para pela pelas pelo pelos por porque porquê pra quais qual qualquer quando quanta
        quantas quanto quantos que quê quem se sem sempre ser seu seus si sido sobre sou sua suas são só também tão te
        tem têm tenho teu toda todas todo todos tu tua um uma umas uns você vocês onde
    """,
    "fr": """
        a à ai ainsi alors après as au aucun aucune aussi autre autres aux avait avant avec avez avoir avons ça car ce
        ceci cela celle celui ces cet cette ceux chaque chez combien comme comment d dans de depuis des donc dont du
        elle elles en entre es est et étaient était été être eu eux fait font hors il ils j je jusque l la là le les
        leur leurs lors lui m ma mais me même mes moi mon n ne ni nos notre nous on ont ou où par pas pendant peu plus
        pour pourquoi qu quand que quel quelle quelles quels qui quoi s sa sans se ses si son sont sous suis sur ta te
        tes toi ton tous tout toute toutes très tu un une vers vos votre vous y
    """,
    "de": """
        aber alle allem allen aller alles als also am an ander andere anderen auch auf aus bei beim bin bis bist da
        dabei damit dann das dass dein deine dem den denn der des dessen die dies diese diesem diesen dieser dieses
        dir doch dort du durch ein eine einem einen einer eines einige er es etwas euch euer für gegen gerade hab habe
        haben hast hat hatte hatten hier hin ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im in ins ist ja jede jedem
        jeden jeder jedes jene kann kein keine keinen können könnte machen macht man mein meine meinem meinen meiner
        mich mir mit muss nach nicht nichts noch nun nur ob oder ohne sehr sein seine seinem seinen seiner seit selbst
        sich sie sind so soll sollte sondern sonst über um und uns unser unsere unter viel viele vom von vor wann war
        waren warum was weil welche welchem welchen welcher welches wem wen wenn wer werde werden wessen wie wieder
        wieviel will wir wird wirst wo woher wohin womit worüber wurde wurden zu zum zur zwar zwischen
    """,
    "it": """
        a ad agli ai al alla alle allo anche ancora avere aveva c che chi ci ciò come con cosa così cui da dagli dai
        dal dalla dalle de degli dei del dell della delle dello di dopo dov dove due e è ed era erano essere fa fra
        gli ha hai hanno ho i il in io l la le lei li lo loro lui ma me mi mia mie miei mio molto ne negli nei nel
        nell nella nelle no noi non nostra nostro o ogni per perché più poi prima qual quale quali quando quanta
        quante quanti quanto quella quelle quello questa queste questi questo qui se sei senza si sì sia siamo sono
        sta stato su sua sue sugli sui sul sulla suo suoi te ti tra tu tua tuo tutta tutti tutto un una uno vi voi
    """,
    "nl": """
        aan al alle alles als altijd ben bij daar dan dat de deze die dit doe doen door dus een en er ge geen haar had
        hebben heb hebt heeft hem het hier hij hoe hoeveel hun iemand iets ik in is ja je jij jou jouw kan kunnen maar
        me meer men met mij mijn moet na naar niet niets nog nu of om omdat ons onze ook op over te tegen toch toen
        tot u uit uw van veel voor waar waarom wanneer want waren was wat we wel welk welke werd wie wij wil worden
        wordt ze zelf zich zij zijn zo zonder zou
    """,
    "id": """
        ada adalah agar akan aku anda antara apa apakah atau bagaimana bagi bahwa banyak beberapa belum berapa bisa
        bukan dalam dan dapat dari dengan di dia dua hal hanya harus ia ini itu jadi jika juga kalau kami kamu kapan
        karena ke kenapa kepada ketika kita lagi lalu lebih mana masih mau mereka mengapa namun nya oleh orang pada
        para paling pernah pun saat saja sama sampai sangat satu saya sebagai sebelum sebuah secara sedang sehingga
        sejak seorang seperti serta setelah setiap siapa sudah supaya tapi telah tentang tetapi tidak untuk yaitu yang
    """,
    "tr": """
        acaba ama ancak bana bazı belki ben beni benim bir biri birkaç biz bize bizi bizim bu buna bunda bundan bunu
        bunun çok çünkü da daha de değil diye en eğer gibi hangi hangisi hem hep hepsi her hiç için ile ise kaç kendi
        ki kim kime kimi kimin kiminle kimler mı mi mu mü nasıl ne neden nedir nerede nereden nereye neresi niçin niye
        o olan olarak oldu olduğu olduğunu olur ona onda ondan onlar onların onu onun sana sen senin siz sizin şey şu
        tüm üzere var ve veya ya yani yok zaman
    """,
    "sv": """
        alla allt att av blev bli blir då de dem den denna deras dess det detta dig din ditt du där efter ej eller en
        er ett för från ha hade han hans har henne hennes hon honom hur här i icke inte ja jag kan man med mellan men
        mig min mina mitt mot mycket någon något när och också om oss på sedan sig sin sina sitt ska skulle som till
        under upp ut utan vad var vara varför varit vart vem vi vid vilka vilken vill åt över är
    """,
    "da": """
        af alle alt anden at bare blev blive bliver da de dem den denne der deres det dette dig din du efter eller en
        er et for fordi fra får ham han hans har havde have hende hendes her hos hun hvad hvem hvilken hvis hvor
        hvorfor hvornår i ikke ind ja jeg kan man mange med meget men mig min mit mod ned noget nogle nu når og også
        om op os over på selv sig sin skal skulle som til ud under var ved vi vil ville vor være været
    """,
    "no": """
        alle at av bare ble bli blir da de deg dem den denne der deres det dette din du eller en enn er et etter for
        fordi fra før ha hadde ham han hans har henne hennes her hun hva hvem hvilken hvis hvor hvorfor hvordan i ikke
        inn ja jeg kan man mange med meg mellom men mer min mitt mot mye noe noen nå når og også om opp oss over på
        seg selv sin skal skulle som så til under ut var ved vi vil ville vår være vært
    """,
    "fi": """
        ei eivät ele en entä ettei että he hän hänen häntä ja jo joka jos jossa jotka joten kanssa keitä ken kenen
        keneltä ketä koska kuin kuinka kuka kun me mihin mikä miksi millä milloin minkä minä minua minulla minun missä
        mistä mitkä mitä mukaan mutta muu myös ne niiden niin noin nyt oli olen olet olivat olla on ovat paljon se
        sekä sen siellä siinä sinä sinun sitä tai te tuo tämä tämän vaan vai vain vielä
    """,
    "pl": """
        a aby ale bardzo bez będzie bo był była było były być co czy czyj czym dla do gdy gdzie go i ich ile im ja jak
        jaka jaki jakie jako jego jej jest jestem jeszcze jeśli już kiedy kim kogo komu kto która które który których
        lub ma mam mi mnie moja moje mój może mu my na nad nam nas nasz nie nim niż o od on ona one oni ono oraz po
        pod przed przez przy są się sobie ta tak także tam te tego tej ten to tu ty tych tylko tym u w we więc
        wszystko z za ze że
    """,
    "ro": """
        a acea această aceasta acest acesta ai al ale am ar are as au avea că care câți cât ce când ci cine cu cum da
        dar de deci din după ea ei el era este eu fi fie fost i iar îi îl în într la le li lor lui mai mă mea mei meu
        mi ne nici noastră nostru noi nu o ori pe pentru prin sa să sale sau se și sunt sub te toate tot toți tu un
        una unde unei unui va vă voi vor
    """,
    "hu": """
        a az abban ahol aki akik ami amikor arra azt azok be benne csak de e ebben egy egyik ehhez el én ennek és ez
        ezek ezt fel ha hogy hogyan hol honnan hová ide igen ilyen is itt jó ki kell kik kit kivel le lehet lesz maga
        még meg mely melyik mert mi mikor milyen mint mit miért most nagyon nálam ne nekem nem neki nincs olyan ő ők
        őket ott pedig s se sem szerint tehát úgy utána vagy vagyok van vannak volt vele
    """,
    "ru": """
        а без бы был была были было быть в вам вас весь во вот все всё всех всего вы где да для до его ее её если есть
        еще ещё же за зачем и из или им их к как какая какие какого какой какое какую когда кого кому который которая
        которые которую кто ко куда ли либо меня мне мной много может мой моя моё мое мои моей моего можно мы на над
        надо нам нас наш наша наши не него нее неё нет ни них но ну о об обо он она они оно от откуда по под почему
        при про с сам свой своя свою свои своего своей себя сколько со так также такой там те тебя тем то тобой того
        тоже той только том тот ту ты у уже чего чей чем чём что чтобы чья эта эти это этого этой этом этот эту я
    """,
    "el": """
        ο η το οι τα του της των τον την τους τις στο στη στην στον στα στις και κι να θα δε δεν μη μην με σε από για
        ως προς κατά μετά παρά αντί χωρίς που πού πως πώς πότε ποιος ποια ποιο ποιοι τι γιατί όταν αν ή είναι είμαι
        ήταν έχω έχει έχουν εγώ εσύ αυτός αυτή αυτό εμείς αυτοί μου σου μας σας ένα ένας μια μία πολύ πιο όλα
    """,
    "ar": """
        في من على إلى الى عن مع هذا هذه ذلك تلك التي الذي الذين ما ماذا لماذا متى أين اين كيف كم أي اي هل لا لم لن ليس
        قد كان كانت يكون تكون هو هي هم هن أنا انا أنت انت نحن أن ان إن أو او ثم بل لكن حتى إذا اذا كل بعض غير بين عند
        عندما عندنا عندي لديه لدي لديها لدى له لها لهم لي به بها فيه فيها منه منها عليه عليها معه معها أنه أنها و منذ
        قبل بعد هناك أيضا وهو وهي وأنا
    """,
    "fa": """
        از به با در که را و یا این آن تا برای هم هر اگر ولی اما چون چه چی چرا کی کجا کدام چند چگونه است هست بود بودند
        شد شده می نمی ها های من تو او ما شما آنها ایشان خود یک دو دارد دارم دارند کرد کرده کند کنم نیست همه
    """,
    "hi": """
        अपना अपनी अपने अब आप आपका आपकी इन इस इसका इसके उन उनका उनकी उनके उस उसका उसकी उसके उसे एक ऐसा और कब कभी कर
        करता करती करते करना करने कहाँ कहां का काफ़ी कि कितना कितनी कितने किस किसका किसकी किसके किसने किसी किसे की कुछ
        के को कोई कौन कौनसा क्या क्यों गई गए गया चाहिए जब जाता जाती जाते जिस जिसका जिसकी जिसके जो तक तब था थी थे तो
        दिया द्वारा ने नहीं न पर फिर बहुत भी मुझे मुझको में मेरा मेरी मेरे मैं मैंने यह यहाँ या ये रहा रही रहे लिए ली
        वह वहाँ वाला वाली वाले वे सकता से हम हमने हमारा हमारी हमारे ही हुआ हुई हुए हूँ हूं है हैं हो होता होती होते
        होना सा सी साथ
    """,
}

# Function words of scripts written without spaces. A question is split at them, at the longest one first.
_GLUED = """
    什么 怎么 哪里 哪儿 哪个 哪些 哪天 为什么 谁 多少 几个 几次 的 了 吗 呢 是 在 我 你 他 她 它 们 和 有 吧 啊 也 都
    就 很 给 被 把 何 誰 どこ いつ どの どれ どんな なぜ どう です ます ました ですか ますか でした でしたか している
    していますか ください という こと もの の は が を に で と も か へ や อะไร ใคร ที่ไหน ไหน เมื่อไหร่ เมื่อไร ทำไม
    อย่างไร ยังไง กี่ ของ ที่ และ กับ เป็น อยู่ ได้ ให้ ไป มา มี แล้ว ก็ ครับ ค่ะ คะ ไหม จะ ฉัน ผม เขา เธอ
"""

# Everyday words occur in too many memories to distinguish them. In languages other than English, only the words of
# questions about time ("which day") are listed, which occur in memories on any subject.
_EVERYDAY = {
    "en": """
        ask asked best better big bit come comes coming day days describe different feel feels feeling felt find first
        found gave give gives go goes going gone good got great guess happen happened happy help helped hope kind know
        known knows last let like liked likes little long look looked looking looks lot lots love loved loves made
        make makes making many maybe mean mention mentioned need needs new nice old one ones people plan planned
        planning plans pretty recent recently said say says see seen share shared sort special start started stuff
        sure take takes taking talk talked tell thing things think thinks thought time times together told took tried
        try trying two type use used uses using want wanted wants way ways week weeks well went work year years
    """,
    "es": "día días año años mes meses semana semanas hora horas vez veces cosa cosas",
    "pt": "dia dias ano anos mês meses semana semanas hora horas vez vezes coisa coisas",
    "fr": "jour jours an ans année années mois semaine semaines heure heures fois chose choses temps",
    "de": "tag tage tagen jahr jahre jahren monat monate monaten woche wochen stunde stunden uhr mal zeit",
    "it": "giorno giorni anno anni mese mesi settimana settimane ora ore volta volte cosa cose",
    "nl": "dag dagen jaar jaren maand maanden week weken uur keer tijd ding dingen",
    "id": "hari tahun bulan minggu jam kali waktu hal",
    "tr": "gün günü günün günler yıl yılı yılda ay ayı hafta haftada saat saatte kez kere zaman şey",
    "ru": "день дня дни дней год года году лет месяц месяца месяцев неделя недели неделю час часа часов раз время",
}

# Words of Korean (written with spaces) that carry no content.
_KOREAN = """
    누구 누가 누구랑 누구와 무엇 뭐 뭐야 뭐예요 뭐였지 뭘 뭔가 무슨 어떤 어느 어디 어디서 어디에서 어디에 언제 왜
    어떻게 몇 며칠 며칠에 얼마나 그 이 저 그리고 그런데 하지만 나 나는 내 내가 제 제가 저는 우리 그는 그녀는 있다 있어
    있어요 있는 했다 했어 한다 해 하는 때 것 수 주로
"""


@lru_cache(maxsize=1)
def function_words() -> dict[str, frozenset[str]]:
    """The function words of each language, by language code."""
    return {language: frozenset(words.split()) for language, words in _FUNCTION_WORDS.items()}


@lru_cache(maxsize=32)
def everyday_words(language: str) -> frozenset[str]:
    """Everyday words of a language; none if the language is not known."""
    return frozenset(_EVERYDAY.get(language, "").split())


@lru_cache(maxsize=1)
def korean_function_words() -> frozenset[str]:
    """Function words of Korean."""
    return frozenset(_KOREAN.split())


@lru_cache(maxsize=1)
def glued_function_words() -> tuple[str, ...]:
    """Function words of scripts without spaces, the longest first."""
    return tuple(sorted(set(_GLUED.split()), key=lambda word: (-len(word), word)))
