"""From a notebook to `train.py`.

`read` opens the notebook. Each cell's text is made plain Python: `magics` and `awaits` take IPython's own syntax out,
`foreign`, `sdk_v1` and `secret_values` what only works or belongs elsewhere. `statements` cuts them into statements;
`order` finds the order that works; `screen`, `learning`, `saving`, `metrics`, `paths` (with `file_calls`, `places`,
`data_option`, `locate`) and `parameters` each decide one thing about them; `outline` says where the sections begin,
`script` puts them together, `exporter` renders them through nbconvert, `tidy` formats. `conda` proposes packages,
`runconfig` arguments and data.
"""
