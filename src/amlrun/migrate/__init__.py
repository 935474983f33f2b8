"""From SDK v1 code to scripts and files that need no SDK v1.

`discover` finds the files and says what each is; `scripts` rewrites job and scoring scripts; `drivers` reads driver
scripts and notebooks. Each part is a pure function from text to a `result.FileResult`. `report` writes the report,
`apply` the files; nothing else touches the disk, and nothing here runs the code it reads.
"""
