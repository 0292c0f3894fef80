"""Runs the Milvus server of the ``milvus`` wheel until standard input ends, as it does also when the tests are killed.

Usage: ``python standalone.py FOLDER PORT TICK_MS``; 200 ms is the tick of a server as it is shipped.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import milvus
from milvus import MilvusServer, MilvusServerConfig

ETCD = """\
name: default
listen-client-urls: http://127.0.0.1:{client}
advertise-client-urls: http://127.0.0.1:{client}
listen-peer-urls: http://127.0.0.1:{peer}
initial-advertise-peer-urls: http://127.0.0.1:{peer}
initial-cluster: default=http://127.0.0.1:{peer}
"""


class _Config(MilvusServerConfig):
    def try_bind_port(self, port: int) -> socket.socket | None:
        """Hold a port. Unlike the wheel's own, this takes one whose last connections have just ended."""
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind(("127.0.0.1", port))
            held.listen()
        except OSError:
            held.close()
            return None
        return held


def main() -> None:
    folder, port, tick_ms = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    config = _Config(template=str(_template(folder, tick_ms)))
    config.glog_conf_file = str(_data() / "glog.conf")
    server = MilvusServer(config)
    server.set_base_dir(str(folder))
    server.webservice_port = _free(config, port + 1)
    ports = {"proxy_port": port}
    for name in (name for name in config.configurable_items if name.endswith("_port") and name != "proxy_port"):
        ports[name] = _free(config, max(ports.values()) + 3)
    server.config.update(**ports)
    peer = _free(config, max(ports.values()) + 3)
    (folder / "etcd.yaml").write_text(ETCD.format(client=ports["etcd_port"], peer=peer))
    server.start()
    try:
        sys.stdin.read()
    finally:
        server.stop()


def _data() -> Path:
    return Path(milvus.__file__).with_name("data")


def _template(folder: Path, tick_ms: int) -> Path:
    """The wheel's configuration with three changes.

    Its etcd listens on fixed ports unless it has a configuration of its own. And a server that was killed counts as
    alive for half a minute, in which it cannot be started again. And a read waits for the next tick after a write.
    """
    text = (_data() / "config.yaml.template").read_text()
    text = text.replace("\netcd:\n", f"\netcd:\n  config:\n    path: {folder / 'etcd.yaml'}\n", 1)
    text = text.replace("    ttl: 30 ", "    ttl: 10 ", 1)
    text = text.replace("  timeTickInterval: 200 ", f"  timeTickInterval: {tick_ms} ", 1)
    template = folder / "template.yaml"
    template.write_text(text)
    return template


def _free(config: MilvusServerConfig, start: int) -> int:
    port, held = config.resolve_port(start)
    held.close()
    return int(port)


if __name__ == "__main__":
    main()
