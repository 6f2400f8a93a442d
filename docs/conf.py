"""How the site is built: ``sphinx-build -W -n -c docs . docs/_build/html``, in the root of the repository.

The sources are the pages where they lie: docs/, notebooks/, README.md, CHANGELOG.md, CONTRIBUTING.md, benchmarks/. So a
link is the same link on the forge, in an editor and on the site. Nothing is downloaded, and no notebook is run:
tests/test_notebooks.py runs them.
"""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "spacrd"
author = "The spacrd developers"
copyright = "The spacrd developers"
version = release = version_of("spacrd")
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "returns",
]

root_doc = "docs/index"
include_patterns = ["*.md", "docs/**", "benchmarks/README.md", "notebooks/*.ipynb"]
exclude_patterns = [".*", "**/_build", "**/_templates", "src", "tests", "venv"]
templates_path = [str(HERE / "_templates")]

nb_execution_mode = "off"
myst_enable_extensions = ["attrs_block", "colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]

autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True

# Types of other packages are named, not linked: a link would need their inventories from the network.
nitpick_ignore_regex = [(r"py:.*", r"(?!spacrd\b).*")]

html_theme = "sphinx_book_theme"
html_title = f"spacrd {version}"
html_static_path = ["_static"]
html_css_files = ["spacrd.css"]
html_extra_path = ["_root"]
html_theme_options = {
    "home_page_in_toc": False,
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "use_download_button": True,
    "use_fullscreen_button": False,
}
copybutton_exclude = ".linenos, .gp, .go"
