"""The Korean edition: vllm.ko.ipynb and README.ko.md, built from the English ones and held in step with them.

    python -m course.korean           # check everything, then write both files
    python -m course.korean --todo    # what is not translated yet, or no longer current

`notebook_cells.md` and `readme_sections.md` hold the translations, `glossary.toml` the words. Code cells with their
outputs, code blocks and generated tables are taken over as they are: comments, printed labels and pictures are English
in both editions.
"""
