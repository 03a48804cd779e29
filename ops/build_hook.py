"""What hatchling calls for a wheel: with a C compiler at hand the wheel has the hot path compiled."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent))


class CompiledCore(BuildHookInterface):
    """Not for a checkout that is installed in place: there `make` compiles, again after each change."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and take along what was made: such a wheel is for machines of this kind, one without it for all."""
        if version == "editable":
            return
        from compile import compile_in_place

        root = Path(self.root)
        made = compile_in_place(root)
        build_data["force_include"] |= {str(path): str(path.relative_to(root)) for path in made}
        if made:
            build_data["pure_python"], build_data["infer_tag"] = False, True
