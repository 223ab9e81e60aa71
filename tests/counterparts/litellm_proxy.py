"""Runs the LiteLLM proxy until the standard input ends; see llama_server.py for why.

The proxy's own command cannot be told to take a free port, so its application is served here, on a socket that is bound
before. The first line of the output says where it listens, once it answers.
"""

import os
import socket
import sys
import threading
from pathlib import Path

# Read while the proxy is imported: no price list from the network, no news in the log.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["LITELLM_TELEMETRY"] = "False"
os.environ["LITELLM_DONT_SHOW_FEEDBACK_BOX"] = "True"
os.environ["NO_DOCS"] = "True"
os.environ["CONFIG_FILE_PATH"] = str(Path(__file__).with_name("litellm.yaml"))

import uvicorn
from litellm.proxy.proxy_server import app


class Announced(uvicorn.Server):
    """Says where it is as soon as it is there."""

    async def startup(self, sockets=None):
        await super().startup(sockets=sockets)
        host, port = sockets[0].getsockname()
        print(f"http://{host}:{port}", flush=True, file=ANNOUNCE)


def end_with_input():
    """Ends at once: an orderly stop waits for connections, and there is nothing to save."""
    sys.stdin.read()
    os._exit(0)


# What the proxy prints goes to the log, and not between the lines for the starter.
ANNOUNCE = sys.stdout
sys.stdout = sys.stderr


def main():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = Announced(uvicorn.Config(app, log_level="warning"))
    threading.Thread(target=end_with_input, daemon=True).start()
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()
