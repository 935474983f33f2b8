"""Train a model with one of its run configurations, follow it, and register what it made.

    python -m runner train-local
    python -m runner train-amlcompute --register demo-model
    python -m runner train-local -- train.py --data-path /data --epochs 5

From the project's root. This page is yours: it calls the public functions of amlrun, as `aml` does.
"""

import argparse
import sys

import amlrun


def parse_args(words):
    parser = argparse.ArgumentParser(
        prog="python -m runner",
        description="Train a model with one of its run configurations.",
        epilog="Words after -- are the script and its arguments, in place of the run configuration's.",
    )
    parser.add_argument("configuration", help="a file of MODEL/aml_config without its ending .runconfig")
    parser.add_argument("--model", default="models/model1", help="the model's folder (default: %(default)s)")
    parser.add_argument("--experiment", help="the experiment's name (default: the configuration's)")
    parser.add_argument("--register", metavar="NAME", help="register the run's model under this name")
    parser.add_argument("--asset-path", default="outputs/model.pkl", help="the model's file (default: %(default)s)")
    own, script = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, [])
    args = parser.parse_args(own)
    args.arguments = script
    return args


def show(event):
    """Print what the script prints, and amlrun's own messages."""
    if isinstance(event, amlrun.LogOutput):
        sys.stdout.buffer.write(event.data)
        sys.stdout.flush()
    elif isinstance(event, amlrun.Message):
        print(event.text, file=sys.stderr)


def train(args):
    """Submit the run and show its output until it has ended."""
    job = amlrun.load_runconfig(args.configuration, path=args.model, arguments=args.arguments)
    run = amlrun.submit(job, experiment=args.experiment or args.configuration, path=args.model, on_event=show)
    status = run.wait()
    print(f"Status: {status.value}")
    for name, value in sorted(run.metrics().items()):
        print(f"{name}: {value:.6g}")
    return run, status


def register(run, args):
    """Add the run's model to the registry: this project's, or the workspace's if the run was there."""
    model = amlrun.register_model(run, args.register, asset_path=args.asset_path)
    print(f"Registered {model.name}:{model.version}")


def main(words=None):
    args = parse_args(sys.argv[1:] if words is None else words)
    try:
        run, status = train(args)
        if status is not amlrun.RunStatus.COMPLETED:
            return 1
        if args.register:
            register(run, args)
    except amlrun.AmlError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
