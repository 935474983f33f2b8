"""From a notebook to `train.py`.

`read` opens the notebook. Each cell's text is made plain Python: `magics` and `top_level_await` take IPython's own
syntax out, `hosted_code`, `sdk_v1` and `secret_values` what only works or belongs elsewhere. `statements` cuts them
into statements; `cell_order` finds the order that works; `display`, `fitted_model`, `saving`, `metrics`, `paths`
(with `file_calls`, `path_literals`, `data_option`) and `parameters` each decide one thing about
them; `outline` says where the sections begin, `script` puts them together, `exporter` renders them through
nbconvert, `formatting` formats. `conda` proposes packages, `runconfig` arguments and data.
"""
