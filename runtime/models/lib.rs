//! Model providers behind one port: Anthropic, OpenAI-compatible, extractive and scripted.
