"""What hatchling calls for a wheel: with a C compiler at hand the wheel has the hot path compiled."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent))


class CompiledCore(BuildHookInterface):
    """Not for a checkout that is installed in place: there `make` compiles, again after each change."""

    def dependencies(self) -> list[str]:
        """What pip brings along where it builds apart: the compiler, and what the hot path imports, for its types."""
        return ["mypy>=1.18", "setuptools>=80", "orjson", "pydantic", "google-re2", "tldextract", "idna"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and take along what was made: such a wheel is for machines of this kind, one without it for all."""
        if version == "editable":
            return
        from compile import RECORD, compiled

        self._scratch = tempfile.TemporaryDirectory()
        scratch = Path(self._scratch.name)
        made = [path for path in compiled(Path(self.root), scratch) if path.name != RECORD]
        build_data["force_include"] |= {str(scratch / path): path.as_posix() for path in made}
        if made:
            build_data["pure_python"], build_data["infer_tag"] = False, True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """The wheel is made."""
        del build_data, artifact_path
        if version != "editable":
            self._scratch.cleanup()
