"""How the site is built: `python -m sphinx -W --keep-going -n -b html docs docs/_build/html`.

Nothing is fetched. What is generated (the page of every public name, the commands, the examples as
they ran) lies in docs/generated/ and is not kept.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # the package beside this folder, installed or not
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["TERM"], os.environ["COLUMNS"] = "dumb", "80"
sys.path.insert(0, str(HERE))

import autoencodes as ac  # noqa: E402

sys.modules["autoencodes.order"] = ac.order  # a public name that is no module of its own

project = "autoencodes"
author = "The autoencodes developers"
version = release = ac.__version__
templates_path = ["templates"]
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
    "site_extension",
]
exclude_patterns = [
    "_build",
    "README.md",
    "start",
    "tutorials",
    "gallery/examples",
    "generated/**/*.ipynb",
    "generated/**/*.py",
    "**/sg_execution_times.rst",
    "sg_execution_times.rst",
]

html_theme = "pydata_sphinx_theme"
html_title = "autoencodes"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "header_links_before_dropdown": 8,
    "navbar_align": "left",
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 4
nb_execution_mode = "cache" if os.environ.get("CI") is None else "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 240
nb_merge_streams = True
html_math_renderer = "mathml"  # no script, no network

autosummary_generate = True
autodoc_default_options = {"members": True, "inherited-members": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_maximum_signature_line_length = 88
napoleon_google_docstring = False
napoleon_use_rtype = False
default_role = "autolink"
suppress_warnings = ["ref.python"]  # words of shapes, "particle latent", are no names
# What other packages define is not here, and neither are the private parts of this one.
nitpick_ignore_regex = [("py:.*", r"(?!autoencodes\.\w+$).*")]

sphinx_gallery_conf = {
    "examples_dirs": ["start", "tutorials", "gallery/examples"],
    "gallery_dirs": ["generated/start", "generated/tutorials", "generated/gallery"],
    "filename_pattern": r"\.py$",
    "ignore_pattern": r"conf\.py",
    "within_subsection_order": "FileNameSortKey",
    "matplotlib_animations": (True, "jshtml"),
    "doc_module": ("autoencodes",),
    "backreferences_dir": "generated/backreferences",
    "remove_config_comments": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "reset_modules": ("matplotlib", "site_extension.single"),
    "write_computation_times": False,
    "abort_on_example_error": False,
    "only_warn_on_example_error": False,
}
