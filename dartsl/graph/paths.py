"""Names of parameters: from the spec to paths that torch accepts (language rule 18)."""

from __future__ import annotations

import keyword
import re
from hashlib import sha256

LONGEST = 200  # characters of a candidate's name

# What nn.Module and fx.GraphModule call their own attributes; a test holds the list against torch.
TORCH_NAMES = frozenset(
    (
        "T_destination",
        "add_module",
        "add_submodule",
        "apply",
        "bfloat16",
        "buffers",
        "call_super_init",
        "children",
        "code",
        "compile",
        "cpu",
        "cuda",
        "delete_all_unused_submodules",
        "delete_submodule",
        "double",
        "dump_patches",
        "eval",
        "extra_repr",
        "float",
        "forward",
        "get_buffer",
        "get_extra_state",
        "get_parameter",
        "get_submodule",
        "graph",
        "half",
        "ipu",
        "load_state_dict",
        "meta",
        "modules",
        "mtia",
        "named_buffers",
        "named_children",
        "named_modules",
        "named_parameters",
        "parameters",
        "print_readable",
        "recompile",
        "register_backward_hook",
        "register_buffer",
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_full_backward_hook",
        "register_full_backward_pre_hook",
        "register_load_state_dict_post_hook",
        "register_load_state_dict_pre_hook",
        "register_module",
        "register_parameter",
        "register_state_dict_post_hook",
        "register_state_dict_pre_hook",
        "requires_grad_",
        "set_extra_state",
        "set_submodule",
        "shape_env",
        "share_memory",
        "state_dict",
        "to",
        "to_empty",
        "to_folder",
        "train",
        "training",
        "type",
        "xpu",
        "zero_grad",
    )
)


def safe(name: str) -> str:
    """A name that can be an attribute of a module: a keyword, or a name of torch's own, gets a `_` at its end."""
    if keyword.iskeyword(name) or name in TORCH_NAMES or name.startswith("_"):
        return f"{name}_"
    return name


def candidate_name(label: str) -> str:
    """`sep_conv(3)` as `sep_conv_3`: every run of other characters becomes one `_`, none at the ends.

    A long name is cut, and ends in a digest of the whole: it stands in front of each of the candidate's parameters.
    """
    name = re.sub(r"[^0-9A-Za-z]+", "_", label).strip("_")
    if len(name) > LONGEST:
        name = f"{name[: LONGEST - 9].rstrip('_')}_{sha256(label.encode()).hexdigest()[:8]}"
    return safe(name if name[:1].isalpha() else f"op_{name}")


class Paths:
    """Hands out paths, each once: `_2` ends the second of a name at one place, then `_3`."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._counts: dict[str, int] = {}  # of a path: the last number tried at its end; all before are taken

    def claim(self, parent: str, name: str) -> str:
        """A free path under `parent`."""
        path = first = f"{parent}.{name}"
        count = self._counts.get(first, 1)
        while path in self._taken:
            count += 1
            path = f"{first}_{count}"
        self._counts[first] = count
        self._taken.add(path)
        return path
