"""Run a server until whoever started this is gone: `python keeper.py COMMAND…`, with a pipe as its input.

The pipe is closed when the starter closes it, and by the system when the starter dies in any way, so that no server
is ever left over. Nothing is searched for by name.
"""

import signal
import subprocess
import sys
import threading


def main() -> int:
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)  # an interrupted test run still has servers to ask while it cleans up
    server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)

    def watch() -> None:
        sys.stdin.buffer.read()
        server.kill()

    threading.Thread(target=watch, daemon=True).start()
    return server.wait()


if __name__ == "__main__":
    sys.exit(main())
