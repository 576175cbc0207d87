"""The page that every report is shown on: its looks, contents and picture viewer."""

from collections.abc import Mapping
from html import escape
from importlib.resources import files
from string import Template

from cellid.recipes import AnyRecipe, write_recipe


def make_page(title: str, subtitle: str, sections: Mapping[str, str]) -> str:
    """Return a page that needs no other file and no network.

    Parameters
    ----------
    title, subtitle : str
        Plain text.
    sections : mapping of str to str
        One-word titles and the HTML under them.
    """
    page = Template(files("cellid.report").joinpath("page.html").read_text(encoding="utf-8"))
    return page.substitute(
        title=escape(title),
        subtitle=escape(subtitle),
        contents="".join(f'<a href="#{name.lower()}">{name}</a>' for name in sections),
        sections="\n".join(
            f'<section id="{name.lower()}"><h2>{name}</h2>{html}</section>'
            for name, html in sections.items()
        ),
    )


def show_recipe(recipe: AnyRecipe) -> str:
    """Return all settings, folded away."""
    return (
        "<p class=note>Saved as recipe.toml beside each model; it trains the same again.</p>"
        "<details><summary>All settings</summary>"
        f"<pre>{escape(write_recipe(recipe))}</pre></details>"
    )
