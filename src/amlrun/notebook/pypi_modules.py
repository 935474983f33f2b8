"""Packages of PyPI whose module has the same name: any other that is not installed may be a stranger's."""

from __future__ import annotations

SAME_NAME = {
    "accelerate", "aiohttp", "altair", "arch", "bokeh", "boto3", "cartopy", "catboost", "causalml", "chromadb",
    "clearml", "cmdstanpy", "cvxpy", "dash", "dask", "datasets", "deap", "deepspeed", "diffusers", "dowhy",
    "econml", "einops", "eli5", "evaluate", "fairlearn", "fastai", "fastapi", "fasttext", "featuretools", "fiona",
    "flair", "flask", "flaml", "folium", "gensim", "geopandas", "geopy", "gradio", "graphviz", "gym", "gymnasium",
    "h2o", "hdbscan", "hmmlearn", "holidays", "huggingface_hub", "hyperopt", "igraph", "imageio", "implicit",
    "interpret", "ipywidgets", "jax", "joblib", "kaggle", "keras", "keras_tuner", "kneed", "langchain",
    "langchain_core", "langdetect", "librosa", "lifelines", "lightfm", "lightgbm", "lime", "llvmlite", "loguru",
    "lxml", "matplotlib", "mglearn", "missingno", "mlxtend", "momepy", "mxnet", "nbformat", "networkx",
    "neuralforecast", "ngboost", "nltk", "numba", "numexpr", "numpy", "onnx", "onnxruntime", "openai", "openml",
    "openpyxl", "optuna", "pandas", "pandas_profiling", "pandera", "patsy", "peft", "pingouin", "plotly",
    "plotnine", "pmdarima", "polars", "prophet", "psutil", "psycopg2", "pyarrow", "pydantic", "pydot", "pymc",
    "pymongo", "pymysql", "pyodbc", "pyproj", "pyspark", "pysurvival", "pytest", "pytz", "pyvis", "rasterio",
    "ray", "redis", "requests", "responses", "rich", "river", "s3fs", "sacrebleu", "safetensors", "scipy",
    "scrapy", "seaborn", "selenium", "sentencepiece", "setuptools", "shap", "shapely", "simpletransformers",
    "skorch", "sktime", "snowflake", "spacy", "sqlalchemy", "statsforecast", "statsmodels", "streamlit", "sympy",
    "tables", "tabulate", "tensorboard", "tensorflow", "tensorflow_datasets", "tensorflow_hub", "textblob",
    "tiktoken", "timm", "tokenizers", "torch", "torchaudio", "torchmetrics", "torchtext", "torchvision", "tqdm",
    "transformers", "trimesh", "tslearn", "ucimlrepo", "unidecode", "vaderSentiment", "vega_datasets", "wandb",
    "wordcloud", "xarray", "xgboost", "xlrd", "yellowbrick", "ydata_profiling", "yfinance",
}  # fmt: skip
