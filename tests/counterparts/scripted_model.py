"""Writes a GGUF model of 0.8 MB whose weights are a script and not the outcome of a training.

A llama of one layer with a feed-forward network of zeros. What is left is a table: the output matrix says which token
follows which, by the direction of the token before (dimensions 4 and up). Dimension 0 is constant. One attention head
looks back for the flag token `<|t|>`, which the chat template writes behind the last message where no tool call is
wanted: that message is the outcome of a tool, or there are no tools. Where the flag was seen, dimension 2 is set.

At temperature 0 the server that runs it therefore says the same in every run:
- with tools: one call of the first tool, in which the server's grammar decides every byte that matters;
- without tools, or behind the outcome of a tool: "Hello from the scripted llama.";
- with a schema: JSON that fits it, because the grammar leaves nothing else: each list has one entry, each number is 1,
  each text is that sentence. So it makes claims, and invents what it quotes; unless a document says the same.

Traps that are avoided here: words that the model says hold real spaces, and no space is put in front of a text, or the
grammar of tool calls cannot begin.
"""

import sys

import gguf
import numpy as np

CHAT_TEMPLATE = r"""{%- if tools %}<|im_start|>system
You may call functions within <tools></tools>:
<tools>
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
</tools>
Return <tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call><|im_end|>
{% endif %}
{%- for message in messages %}
{%- if message.role == 'tool' %}<|im_start|>user
<tool_response>
{{ message.content }}
</tool_response><|im_end|>
{% elif message.role == 'assistant' and message.tool_calls %}<|im_start|>assistant
{{ message.content or '' }}
{%- for tool_call in message.tool_calls %}{%- if tool_call.function %}{%- set tool_call = tool_call.function %}{%- endif %}
<tool_call>
{"name": "{{ tool_call.name }}", "arguments": {{ tool_call.arguments | tojson }}}
</tool_call>{%- endfor %}<|im_end|>
{% else %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endif %}{% if loop.last and (message.role == 'tool' or not tools) %}<|t|>{% endif %}
{%- endfor %}{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""

CONTROL = ["<|im_start|>", "<|im_end|>", "<|t|>"]
WORDS = ["<tool_call>", "</tool_call>", "Hello", " from", " the", " scripted", " llama", "."]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
LETTERS = [chr(code) for code in range(33, 127) if chr(code) not in WORDS] + ["\u2581"]
TOKENS = ["<unk>", "<s>", "</s>", *BYTES, *CONTROL, *WORDS, *LETTERS]
INDEX = {token: index for index, token in enumerate(TOKENS)}

WIDTH = 128
CONSTANT, FLAG, FLAG_SEEN, TABLE = 0, 1, 2, 4
CONTEXT_TOKENS = 131_072


def embedding():
    """Directions of the tokens: random, and so nearly at right angles to each other."""
    rows = np.random.default_rng(7).standard_normal((len(TOKENS), WIDTH)).astype(np.float32)
    rows[:, :TABLE] = 0
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[:, CONSTANT] = 0.5
    rows[INDEX["<|t|>"], TABLE:] = 0
    rows[INDEX["<|t|>"], FLAG] = 1.0
    return rows


def output(rows):
    """Which token follows which."""
    noise = np.random.default_rng(8).standard_normal((len(TOKENS), WIDTH)) * 0.02
    table = noise.astype(np.float32)
    table[:, :TABLE] = 0
    above = np.arange(WIDTH) >= TABLE

    def follows(before, after, weight):
        table[INDEX[after]] += weight * rows[INDEX[before]] * above

    line_end = "<0x0A>"
    follows(line_end, "<tool_call>", 3.0)
    table[INDEX["Hello"], FLAG_SEEN] += 0.5
    table[INDEX["<tool_call>"], FLAG_SEEN] -= 1.0
    sentence = [*WORDS[2:], "<|im_end|>"]
    for before, after in zip(sentence, sentence[1:]):
        follows(before, after, 9.0)
    follows("<tool_call>", line_end, 12.0)
    follows("}", "</tool_call>", 9.0)
    follows("</tool_call>", "<|im_end|>", 9.0)
    # Inside JSON, where the grammar allows it: a text is the sentence, a list has one entry, a number one digit.
    follows('"', "Hello", 9.0)
    table[INDEX['"'], CONSTANT] += 1.0
    follows("[", "{", 9.0)
    for open_value in ["{", "[", ":"]:
        follows(open_value, '"', 8.0)
    follows(".", '"', 8.0)
    for value in ["[", ":"]:
        follows(value, "1", 7.0)
    for end, weight in [("]", 6.0), ("}", 5.0), (",", 4.0)]:
        for last in ["1", "}", '"']:
            follows(last, end, weight)
    # A letter is a token twice, also as a byte. What follows is said of the first alone, so the second is avoided.
    for letter in LETTERS[:-1]:
        table[INDEX[f"<0x{ord(letter):02X}>"], CONSTANT] -= 2.0
    # A grammar allows white space between any two parts of JSON, and the model would never come to an end.
    for space in ["<0x20>", "<0x0A>", "<0x09>", "\u2581"]:
        table[INDEX[space], CONSTANT] -= 2.0
    return table


def square(*entries):
    """A matrix of zeros but for these entries."""
    matrix = np.zeros((WIDTH, WIDTH), np.float32)
    for row, column, value in entries:
        matrix[row, column] = value
    return matrix


def vocabulary(writer):
    """Every byte is a token, so every text is one too."""
    normal, unknown, control, user_defined, byte = 1, 2, 3, 4, 6
    kinds = [unknown, control, control, *[byte] * len(BYTES), *[control] * len(CONTROL)]
    kinds += [*[user_defined] * len(WORDS), *[normal] * len(LETTERS)]
    writer.add_tokenizer_model("llama")
    writer.add_token_list([token.encode() for token in TOKENS])
    writer.add_token_scores([0.0] * (len(TOKENS) - len(LETTERS)) + [-1.0] * len(LETTERS))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(INDEX["<s>"])
    writer.add_eos_token_id(INDEX["<|im_end|>"])
    writer.add_unk_token_id(INDEX["<unk>"])
    writer.add_add_space_prefix(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def shape(writer):
    """One layer, one head, and rotations so slow that a place in the text makes no difference."""
    writer.add_name("scripted")
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH)
    writer.add_rope_freq_base(1e30)
    writer.add_vocab_size(len(TOKENS))
    writer.add_file_type(0)


def tensors(writer):
    """The table, and the head that finds the flag. The head sees through a dimension that rotates slowly."""
    slow = 40
    rows = embedding()
    ones, zeros = np.ones(WIDTH, np.float32), square()
    writer.add_tensor("token_embd.weight", rows)
    writer.add_tensor("output_norm.weight", ones)
    writer.add_tensor("output.weight", output(rows))
    writer.add_tensor("blk.0.attn_norm.weight", ones)
    writer.add_tensor("blk.0.attn_q.weight", square((slow, CONSTANT, 30)))
    writer.add_tensor("blk.0.attn_k.weight", square((slow, FLAG, 30)))
    writer.add_tensor("blk.0.attn_v.weight", square((FLAG_SEEN, FLAG, 1)))
    writer.add_tensor("blk.0.attn_output.weight", np.eye(WIDTH, dtype=np.float32))
    writer.add_tensor("blk.0.ffn_norm.weight", ones)
    for part in ["gate", "up", "down"]:
        writer.add_tensor(f"blk.0.ffn_{part}.weight", zeros)


def write(path):
    """Writes the model."""
    writer = gguf.GGUFWriter(path, "llama")
    shape(writer)
    vocabulary(writer)
    tensors(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    write(sys.argv[1])
