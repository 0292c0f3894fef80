"""The built-in texts with which an embedding model is calibrated: facts, questions about them, and other requests.

They were written for this purpose and come from no data set. The answers share few words with their questions, as
answers to ordinary questions do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Samples(NamedTuple):
    """The texts of one language.

    Attributes:
        pairs: facts about a person, each with a question that it answers and the others do not.
        requests: requests that no fact about a person helps with.
        personal: further requests with which such a fact may help, which none of the facts here does.
    """

    pairs: tuple[tuple[str, str], ...]
    requests: tuple[str, ...]
    personal: tuple[str, ...] = ()


#: The texts, by language.
SAMPLES: Mapping[str, Samples] = {
    "en": Samples(
        (
            ("I'm allergic to strawberries.", "Which fruit should I not be served?"),
            ("We moved to Manchester in the spring.", "What city do I live in?"),
            ("My brother Paul works as a plumber.", "Does anyone in my family repair pipes?"),
            ("I quit sugar in my coffee last year.", "How do I take my hot drinks?"),
            ("Our rabbit is called Pepper.", "Do I have any pets?"),
            ("I play badminton every Thursday night.", "What do I do for exercise?"),
            ("The user drives an old Volvo.", "What kind of car do I own?"),
            ("The user's mother turns seventy in August.", "When should I buy a birthday present for mum?"),
            ("I'm terrified of flying.", "How should I travel to Spain?"),
            ("I have a job interview at a bank on Monday.", "What is coming up for me next week?"),
            ("The user prefers short answers with bullet points.", "Explain how vaccines work."),
            ("I studied chemistry in Vienna.", "Where did I go to university?"),
            ("She has trouble sleeping since the baby was born.", "Why am I so tired lately?"),
            ("I spend about 300 dollars a month on groceries.", "Plan my food shopping."),
            ("I speak Greek and a little Arabic.", "Which languages do I know?"),
            ("I'm reading a long novel about the sea.", "Recommend something for my bedside table."),
        ),
        (
            "What is the capital of Mongolia?",
            "Write a function that checks whether a number is prime.",
            'Translate "good morning" into Finnish.',
            "What is 23 times 19?",
            "Who wrote War and Peace?",
            "How do volcanoes form?",
            "Tell me a riddle.",
            "Convert 12 inches to centimetres.",
            'What does the word "ephemeral" mean?',
            "When did the Second World War end?",
            "List five chemical elements.",
            "Write a poem about autumn.",
            "Summarise the causes of the French Revolution.",
            'Give me three synonyms of "happy".',
            "How does a refrigerator work?",
            "Which river is the longest in Africa?",
            "Explain recursion with an example.",
            "What is the boiling point of mercury?",
            "Who invented the telephone?",
            "Sort these numbers: 4, 1, 9, 3.",
            "How many legs does a spider have?",
            "Write a limerick about a cat.",
            'What is the plural of "ox"?',
            "Why do leaves turn yellow?",
        ),
        (
            "Suggest something for me to watch tonight.",
            "Help me choose new running shoes.",
            "Draft a message to my landlord.",
            "Should I accept the invitation for Saturday?",
            "What can I order at this restaurant?",
            "When is my next appointment?",
            "What did I tell you about my sister?",
            "Plan a weekend trip for us.",
            "My back hurts, what could be the reason?",
            "my shoe size?",
            "Is it a good idea for me to go jogging today?",
            "How much do I still owe?",
        ),
    ),
    "de": Samples(
        (
            ("Ich bin gegen Erdbeeren allergisch.", "Welches Obst darf ich nicht essen?"),
            ("Wir sind im Frühling nach Leipzig gezogen.", "In welcher Stadt wohne ich?"),
            ("Mein Bruder arbeitet als Klempner.", "Was macht mein Bruder beruflich?"),
            ("Unser Kaninchen heißt Pfeffer.", "Habe ich Haustiere?"),
            ("Ich habe große Angst vor dem Fliegen.", "Wie soll ich nach Spanien reisen?"),
        ),
        ("Wie heißt die Hauptstadt der Mongolei?", "Wie viel ist 23 mal 19?", "Wie entstehen Vulkane?"),
    ),
    "es": Samples(
        (
            ("Soy alérgica a las fresas.", "¿Qué fruta no puedo comer?"),
            ("Nos mudamos a Bilbao en primavera.", "¿En qué ciudad vivo?"),
            ("Mi hermano trabaja de fontanero.", "¿A qué se dedica mi hermano?"),
            ("Nuestro conejo se llama Pimienta.", "¿Tengo mascotas?"),
            ("Me da pánico volar.", "¿Cómo debería viajar a Italia?"),
        ),
        ("¿Cuál es la capital de Mongolia?", "¿Cuánto es 23 por 19?", "¿Cómo se forman los volcanes?"),
    ),
    "fr": Samples(
        (
            ("Je suis allergique aux fraises.", "Quel fruit dois-je éviter ?"),
            ("Nous avons déménagé à Nantes au printemps.", "Dans quelle ville est-ce que j'habite ?"),
            ("Mon frère travaille comme plombier.", "Quel est le métier de mon frère ?"),
            ("Notre lapin s'appelle Poivre.", "Est-ce que j'ai des animaux ?"),
            ("J'ai très peur de l'avion.", "Comment devrais-je aller en Espagne ?"),
        ),
        ("Quelle est la capitale de la Mongolie ?", "Combien font 23 fois 19 ?", "Comment naissent les volcans ?"),
    ),
    "pt": Samples(
        (
            ("Sou alérgica a morangos.", "Que fruta não posso comer?"),
            ("Mudámo-nos para o Porto na primavera.", "Em que cidade moro?"),
            ("O meu irmão trabalha como canalizador.", "O que faz o meu irmão?"),
            ("O nosso coelho chama-se Pimenta.", "Tenho animais de estimação?"),
            ("Tenho pavor de voar.", "Como devo viajar para Espanha?"),
        ),
        ("Qual é a capital da Mongólia?", "Quanto é 23 vezes 19?", "Como se formam os vulcões?"),
    ),
    "it": Samples(
        (
            ("Sono allergica alle fragole.", "Quale frutta non posso mangiare?"),
            ("In primavera ci siamo trasferiti a Torino.", "In che città vivo?"),
            ("Mio fratello fa l'idraulico.", "Che lavoro fa mio fratello?"),
            ("Il nostro coniglio si chiama Pepe.", "Ho animali domestici?"),
            ("Ho il terrore di volare.", "Come dovrei andare in Spagna?"),
        ),
        ("Qual è la capitale della Mongolia?", "Quanto fa 23 per 19?", "Come si formano i vulcani?"),
    ),
    "nl": Samples(
        (
            ("Ik ben allergisch voor aardbeien.", "Welk fruit mag ik niet eten?"),
            ("We zijn in het voorjaar naar Utrecht verhuisd.", "In welke stad woon ik?"),
            ("Mijn broer is loodgieter.", "Wat voor werk doet mijn broer?"),
            ("Ons konijn heet Peper.", "Heb ik huisdieren?"),
            ("Ik ben doodsbang om te vliegen.", "Hoe kan ik het beste naar Spanje reizen?"),
        ),
        ("Wat is de hoofdstad van Mongolië?", "Hoeveel is 23 keer 19?", "Hoe ontstaan vulkanen?"),
    ),
    "pl": Samples(
        (
            ("Mam uczulenie na truskawki.", "Jakich owoców nie mogę jeść?"),
            ("Wiosną przeprowadziliśmy się do Gdańska.", "W jakim mieście mieszkam?"),
            ("Mój brat jest hydraulikiem.", "Czym zajmuje się mój brat?"),
            ("Nasz królik nazywa się Pieprz.", "Czy mam jakieś zwierzęta?"),
            ("Panicznie boję się latać.", "Jak powinnam pojechać do Hiszpanii?"),
        ),
        ("Jaka jest stolica Mongolii?", "Ile to jest 23 razy 19?", "Jak powstają wulkany?"),
    ),
    "ru": Samples(
        (
            ("У меня аллергия на клубнику.", "Какие ягоды мне нельзя?"),
            ("Весной мы переехали в Казань.", "В каком городе я живу?"),
            ("Мой брат работает сантехником.", "Кем работает мой брат?"),
            ("Нашего кролика зовут Перчик.", "Есть ли у меня домашние животные?"),
            ("Я ужасно боюсь летать.", "Как мне лучше добраться до Испании?"),
        ),
        ("Какая столица у Монголии?", "Сколько будет 23 умножить на 19?", "Как образуются вулканы?"),
    ),
    "tr": Samples(
        (
            ("Çileğe alerjim var.", "Hangi meyveyi yememeliyim?"),
            ("İlkbaharda İzmir'e taşındık.", "Hangi şehirde yaşıyorum?"),
            ("Erkek kardeşim tesisatçı olarak çalışıyor.", "Kardeşim ne iş yapıyor?"),
            ("Tavşanımızın adı Biber.", "Evcil hayvanım var mı?"),
            ("Uçmaktan çok korkuyorum.", "İspanya'ya nasıl gitmeliyim?"),
        ),
        ("Moğolistan'ın başkenti neresidir?", "23 kere 19 kaç eder?", "Yanardağlar nasıl oluşur?"),
    ),
    "id": Samples(
        (
            ("Saya alergi stroberi.", "Buah apa yang tidak boleh saya makan?"),
            ("Kami pindah ke Bandung pada bulan Maret.", "Di kota mana saya tinggal?"),
            ("Kakak saya bekerja sebagai tukang ledeng.", "Apa pekerjaan kakak saya?"),
            ("Kelinci kami bernama Lada.", "Apakah saya punya hewan peliharaan?"),
            ("Saya sangat takut naik pesawat.", "Sebaiknya saya pergi ke Bali naik apa?"),
        ),
        ("Apa ibu kota Mongolia?", "Berapa 23 kali 19?", "Bagaimana gunung berapi terbentuk?"),
    ),
    "ar": Samples(
        (
            ("عندي حساسية من الفراولة.", "ما الفاكهة التي لا يجوز لي أكلها؟"),
            ("انتقلنا إلى الإسكندرية في الربيع.", "في أي مدينة أسكن؟"),
            ("أخي يعمل سباكًا.", "ما مهنة أخي؟"),
            ("أرنبنا اسمه فلفل.", "هل لدي حيوانات أليفة؟"),
            ("أخاف كثيرًا من الطيران.", "كيف يجب أن أسافر إلى إسبانيا؟"),
        ),
        ("ما عاصمة منغوليا؟", "كم يساوي 23 ضرب 19؟", "كيف تتكون البراكين؟"),
    ),
    "hi": Samples(
        (
            ("मुझे स्ट्रॉबेरी से एलर्जी है।", "मुझे कौन सा फल नहीं खाना चाहिए?"),
            ("हम वसंत में जयपुर चले गए।", "मैं किस शहर में रहता हूँ?"),
            ("मेरा भाई प्लंबर का काम करता है।", "मेरा भाई क्या करता है?"),
            ("हमारे खरगोश का नाम मिर्ची है।", "क्या मेरे पास पालतू जानवर हैं?"),
            ("मुझे हवाई जहाज़ में बैठने से बहुत डर लगता है।", "मुझे स्पेन कैसे जाना चाहिए?"),
        ),
        ("मंगोलिया की राजधानी क्या है?", "23 गुणा 19 कितना होता है?", "ज्वालामुखी कैसे बनते हैं?"),
    ),
    "zh": Samples(
        (
            ("我对草莓过敏。", "我不能吃什么水果？"),
            ("我们春天搬到了杭州。", "我住在哪个城市？"),
            ("我哥哥是水管工。", "我哥哥做什么工作？"),
            ("我们家的兔子叫胡椒。", "我养宠物吗？"),
            ("我非常害怕坐飞机。", "我应该怎么去西班牙？"),
        ),
        ("蒙古的首都是哪里？", "23乘以19等于多少？", "火山是怎么形成的？"),
    ),
    "ja": Samples(
        (
            ("いちごアレルギーがあります。", "私が食べてはいけない果物は何ですか？"),
            ("春に神戸へ引っ越しました。", "私はどの街に住んでいますか？"),
            ("兄は配管工として働いています。", "兄の仕事は何ですか？"),
            ("うちのウサギの名前はコショウです。", "私はペットを飼っていますか？"),
            ("飛行機に乗るのがとても怖いです。", "スペインへはどうやって行けばいいですか？"),
        ),
        ("モンゴルの首都はどこですか？", "23かける19はいくつですか？", "火山はどのようにできますか？"),
    ),
    "ko": Samples(
        (
            ("나는 딸기 알레르기가 있어요.", "내가 먹으면 안 되는 과일은 뭐예요?"),
            ("우리는 봄에 대전으로 이사했어요.", "나는 어느 도시에 살아요?"),
            ("우리 형은 배관공으로 일해요.", "형의 직업은 뭐예요?"),
            ("우리 토끼 이름은 후추예요.", "나는 반려동물을 키우나요?"),
            ("나는 비행기 타는 게 너무 무서워요.", "스페인에 어떻게 가는 게 좋을까요?"),
        ),
        ("몽골의 수도는 어디예요?", "23 곱하기 19는 얼마예요?", "화산은 어떻게 생겨나요?"),
    ),
    "th": Samples(
        (
            ("ฉันแพ้สตรอว์เบอร์รี", "ผลไม้อะไรที่ฉันกินไม่ได้"),
            ("เราย้ายไปเชียงใหม่เมื่อต้นปี", "ฉันอยู่เมืองไหน"),
            ("พี่ชายของฉันเป็นช่างประปา", "พี่ชายของฉันทำงานอะไร"),
            ("กระต่ายของเราชื่อพริกไทย", "ฉันมีสัตว์เลี้ยงไหม"),
            ("ฉันกลัวการขึ้นเครื่องบินมาก", "ฉันควรเดินทางไปสเปนอย่างไร"),
        ),
        ("เมืองหลวงของมองโกเลียคือที่ไหน", "23 คูณ 19 เท่ากับเท่าไร", "ภูเขาไฟเกิดขึ้นได้อย่างไร"),
    ),
}
