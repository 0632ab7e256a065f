"""Our own chat templates, by a tokenizer's marker tokens: a foreign folder's template is a program and is not run."""

from __future__ import annotations

from collections.abc import Collection

_CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_LLAMA_3 = (
    "{{ '<|begin_of_text|>' }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + "
    "'<|end_header_id|>\n\n' + message['content'] + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
_GEMMA = (
    "{{ '<bos>' }}{% for message in messages %}{{ '<start_of_turn>' + "
    "('model' if message['role'] == 'assistant' else 'user') + '\n' + message['content'] + '<end_of_turn>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
_BY_MARKER = {"<|im_start|>": _CHATML, "<|start_header_id|>": _LLAMA_3, "<start_of_turn>": _GEMMA}


def choose_chat_template(vocabulary: Collection[str]) -> str:
    """Return the template whose marker token the tokenizer has; "" for a model that was not made for chat."""
    return next((template for marker, template in _BY_MARKER.items() if marker in vocabulary), "")
