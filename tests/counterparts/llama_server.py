"""Runs a llama.cpp server with the scripted model until the standard input ends.

The one who starts it holds the other end of that pipe: however that process dies, the pipe closes and this one ends. No
server is ever left behind. The first line of the output says where it listens.
"""

import os
import sys
import tempfile

import scripted_model
import xllamacpp


def parameters(model, key):
    """A small server: one request at a time, nothing by chance, nothing from the network."""
    chosen = xllamacpp.CommonParams()
    chosen.model.path = model
    chosen.model_alias = {"scripted"}
    chosen.hostnames = ["127.0.0.1"]
    chosen.port = 0
    chosen.api_keys = [key]
    chosen.n_ctx = 98_304
    chosen.n_parallel = 1
    chosen.cpuparams.n_threads = 1
    chosen.sampling.temp = 0.0
    chosen.use_jinja = True
    chosen.offline = True
    return chosen


def main():
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "scripted.gguf")
        scripted_model.write(model)
        server = xllamacpp.Server(parameters(model, os.environ["LLAMA_KEY"]))
        print(server.listening_address, flush=True)
        sys.stdin.read()
    # Its orderly end waits for ever where it is asked for right after the start.
    os._exit(0)


if __name__ == "__main__":
    main()
