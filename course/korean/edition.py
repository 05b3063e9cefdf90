"""The Korean notebook and README, as they are built from the English ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from course.korean.document import Document, Problem
from course.korean.glossary import Glossary
from course.korean.unit import document_units, notebook_units
from course.notebook import NOTEBOOK, notebook_text, read_notebook, text_cells

ROOT: Final = NOTEBOOK.parent
NOTEBOOK_NAMES: Final = ("vllm.ipynb", "vllm.ko.ipynb")
README_NAMES: Final = ("README.md", "README.ko.md")
NOTEBOOK_TABLE: Final = "course/korean/notebook_cells.md"
README_TABLE: Final = "course/korean/readme_sections.md"


@dataclass(frozen=True, slots=True)
class Edition:
    """Both documents with their translations.

    Attributes:
        root: folder of the project.
        notebook: Markdown cells of the notebook.
        readme: sections of the README.
    """

    root: Path
    notebook: Document
    readme: Document

    @classmethod
    def read(cls, root: Path = ROOT) -> Self:
        """Reads the English files and the translations.

        Raises:
            OSError: a file cannot be read.
            ValueError: a table of translations is none, or two texts have the same key.
            nbformat.ValidationError: the notebook is none.
        """
        cells = notebook_units(read_notebook(root / NOTEBOOK_NAMES[0]))
        sections = document_units((root / README_NAMES[0]).read_text(encoding="utf-8"))
        return cls(root, Document.read(cells, root / NOTEBOOK_TABLE), Document.read(sections, root / README_TABLE))

    @property
    def documents(self) -> tuple[Document, Document]:
        """The notebook and the README."""
        return self.notebook, self.readme

    def problems(self, glossary: Glossary) -> list[Problem]:
        """Returns why the Korean files cannot be built; empty if they can."""
        return [problem for document in self.documents for problem in document.problems(glossary)]

    def accept(self, keys: Sequence[str]) -> None:
        """Notes in the tables that these translations are those of today's English texts.

        Raises:
            ValueError: a key has no translation; nothing is written then.
        """
        known = {key for document in self.documents for key in document.translated}
        unknown = [key for key in keys if key not in known]
        if unknown:
            raise ValueError(f"--accept must name translated texts, got {', '.join(unknown)}")
        for document in self.documents:
            document.accept(keys)

    def files(self) -> dict[Path, str]:
        """Returns the contents of the Korean files; code cells, outputs and ids are those of the English notebook.

        Raises:
            KeyError, ValueError: there are problems.
        """
        translated, texts = read_notebook(self.root / NOTEBOOK_NAMES[0]), self.notebook.korean()
        for cell in text_cells(translated):
            cell.source = texts[cell.id]
        return {
            self.root / NOTEBOOK_NAMES[1]: notebook_text(translated),
            self.root / README_NAMES[1]: "\n\n".join(self.readme.korean().values()) + "\n",
        }

    def outdated(self) -> dict[Path, str]:
        """Returns those of `files` that are missing or otherwise on disk.

        Raises:
            KeyError, ValueError: there are problems.
        """
        files = self.files()
        return {file: text for file, text in files.items() if not file.exists() or file.read_bytes() != text.encode()}
