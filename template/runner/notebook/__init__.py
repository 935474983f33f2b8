"""From a notebook to `train.py`.

`read` opens the notebook, `magics` takes IPython's own syntax out, `statements` cuts the cells into statements,
`parameters`, `paths`, `screen` and `learning` each decide one thing about them, `script` puts the sections
together, `exporter` renders them through nbconvert, `tidy` formats, `conda` proposes the packages.
"""
