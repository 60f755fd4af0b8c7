"""A `backburner` for a shell's PATH that starts fast: it hands over to a fork of the warm server.

    with on_path() as folder:
        subprocess.run(["bash", "-c", "backburner --version"], env={"PATH": f"{folder}:/usr/bin:/bin"})

It hands over its arguments, environment, folder and standard streams, which may be a terminal, and ends with the
command's exit code. From its first line on, the command is what the installed script runs.
"""

import json
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

from support import forks

_SCRIPT = """\
#!{python} -ISB
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    asked = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
    socket.send_fds(server, [b"%10d" % len(asked)], [0, 1, 2])
    server.sendall(asked)
    answer = server.makefile().read()
code = int(answer)
os._exit(code if code >= 0 else 128 - code)
"""
_SIZE_BYTES = 10


@contextmanager
def on_path() -> Iterator[Path]:
    """A folder with the script, which works while the block runs."""
    with tempfile.TemporaryDirectory() as made, socket.socket(socket.AF_UNIX) as listener:
        folder, address = Path(made, "bin"), f"{made}/asked"
        folder.mkdir()
        script = folder / "backburner"
        script.write_text(_SCRIPT.format(python=sys.executable, address=address), encoding="utf-8")
        script.chmod(0o755)
        listener.bind(address)
        listener.listen()
        accepting = threading.Thread(target=_accept, args=(listener,))
        accepting.start()
        try:
            yield folder
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()


def _accept(listener: socket.socket) -> None:
    with suppress(OSError):  # it is shut down
        while True:
            threading.Thread(target=_serve, args=(listener.accept()[0],), daemon=True).start()


def _serve(client: socket.socket) -> None:
    with client:
        size, streams, _, _ = socket.recv_fds(client, _SIZE_BYTES, 3)
        arguments, environment, folder = json.loads(client.makefile("rb").read(int(size)))
        files = [Connection(one) for one in streams]
        process = forks.fork(_main, arguments, environment, folder, files)
        for file in files:
            file.close()
        process.join()
        client.sendall(str(process.exitcode).encode())


def _main(arguments: list[str], environment: dict[str, str], folder: str, files: list[Connection]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, file in enumerate(files):
        os.dup2(file.fileno(), number)
        file.close()
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")  # as a new interpreter would
    sys.argv = ["backburner", *arguments]
    from backburner_cli.entry import main  # noqa: PLC0415 - it reads the environment as it is imported

    main()
