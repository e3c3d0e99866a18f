"""Pages of the documentation site that are made from files outside docs/, and links that leave it.

A hook of MkDocs (mkdocs.yml). The overview is README.md; changelog, benchmarks and examples are pages too. Links are
written for readers of the repository: those to one of these files become links to its page, and any other that leaves
docs/ becomes plain text.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "BENCHMARKS.md": "benchmarks.md"}
EXAMPLES = "examples.md"

_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)#\s]*)(?P<anchor>#[^)\s]*)?\)")
_CODE = re.compile(r"(^```.*?^```$)", re.M | re.S)
_COMMENT = re.compile(r"^<!-- test: .*? -->\n", re.M)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    files.append(File.generated(config, EXAMPLES, content=_examples()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Resolve links from where the page's source lies in the repository, and drop the comments for the tests."""
    sources = {target: source for source, target in PAGES.items()}
    source = sources.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    here = posixpath.dirname(page.file.src_uri)

    def resolve(link: re.Match[str]) -> str:
        if not link["target"] or "://" in link["target"]:
            return link[0]
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link["target"]))
        anchor = link["anchor"] or ""
        if target in PAGES:
            found = PAGES[target]
        elif target.startswith("docs/"):
            found = target.removeprefix("docs/")
        elif target.startswith("examples"):
            found, anchor = EXAMPLES, f"#{posixpath.basename(target).replace('.', '')}" if "." in target else ""
        else:
            return link["text"]
        return f"{link['image']}[{link['text']}]({posixpath.relpath(found, here or '.')}{anchor})"

    parts = _CODE.split(_COMMENT.sub("", markdown))
    return "".join(part if i % 2 else _LINK.sub(resolve, part) for i, part in enumerate(parts))


def _examples() -> str:
    """One section for each example: its code, whose first lines say what it does."""
    sections = ["# Examples\n\nEach file of `examples/` runs alone, and in the tests.\n"]
    for file in sorted((ROOT / "examples").glob("*.py")):
        sections.append(f"## {file.name}\n\n```python\n{file.read_text(encoding='utf-8')}```\n")
    return "\n".join(sections)
