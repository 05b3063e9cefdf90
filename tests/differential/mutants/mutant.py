"""A mutant: the simulator with one fault, planted in a copy."""

import shutil
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = "paged_sim"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault.

    Attributes:
        rule: the rule of vLLM that the fault breaks, in words.
        file: of the package.
        old: text that occurs once in the file.
        new: what stands there in the mutant.
        equivalent: why no comparison can see it; None if one must.
    """

    rule: str
    file: str
    old: str
    new: str
    equivalent: str | None = None

    def plant(self, folder: Path) -> None:
        """Writes a copy of the package with the fault into a folder.

        Raises:
            ValueError: the text to replace is not in the file, or more than once: the file was edited since, and the
                mutant has to follow.
        """
        shutil.copytree(ROOT / PACKAGE, folder / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
        path = folder / PACKAGE / self.file
        source = path.read_text(encoding="utf-8")
        if source.count(self.old) != 1:
            raise ValueError(
                f"mutant {self.rule!r}: its old text must occur once in {PACKAGE}/{self.file}, "
                f"but occurs {source.count(self.old)} times; update the mutant. The text:\n{self.old}"
            )
        path.write_text(source.replace(self.old, self.new), encoding="utf-8")
