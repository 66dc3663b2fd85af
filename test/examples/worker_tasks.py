"""The tasks of the tests of the Python worker. What they do they write into a file, which no store knows of."""

import os
import sys
import time

from noodle_worker import PermanentFailure, run_worker, task


def tell_effect(ctx):
    with open(os.environ["EFFECTS"], "a", buffering=1) as file:
        file.write("%s %d %d %d %s\n" % (ctx.id, ctx.fence, ctx.attempt, os.getpid(), os.environ["NODE_ID"]))


@task("act", input={"type": "object", "properties": {"ms": {"type": "number"}, "fails": {"type": "integer"}}})
def act(ctx, input):
    """Takes a while, and fails as often as it is told to."""
    tell_effect(ctx)
    time.sleep(input.get("ms", 0) / 1000)
    if input.get("final"):
        raise PermanentFailure("never")
    if ctx.attempt <= input.get("fails", 0):
        raise RuntimeError("attempt %d" % ctx.attempt)
    return {"attempt": ctx.attempt}


@task("linger")
def linger(ctx, input):
    """Goes on until it is stopped."""
    tell_effect(ctx)
    while not ctx.cancelled:
        time.sleep(0.01)
    ctx.check()


@task("hold")
def hold(ctx, input):
    """Goes on until a file is there, and, unless it shall be quiet, waits for answers of the gateway all the while."""
    tell_effect(ctx)
    n = 0
    while not os.path.exists(input["file"]):
        ctx.check()
        n += 1
        print("at", n)
        if not input.get("quiet"):
            ctx.checkpoint(n)
        time.sleep(0.01)
    return {"fence": ctx.fence, "lines": n}


@task("talk", secrets=["key"], defaults={"retry": {"maxAttempts": 2, "backoffMs": 0}})
def talk(ctx, input):
    """Prints, tells progress, and goes on where the attempt before was stopped."""
    print("hello from attempt", ctx.attempt)
    print("the key is", ctx.secret("key"), file=sys.stderr)
    ctx.log("from " + str(ctx.last_checkpoint))
    ctx.progress(50, "half way")
    with open(os.path.join(ctx.artifacts, "plan.txt"), "w") as file:
        file.write("attempt %d" % ctx.attempt)
    if ctx.attempt == 1:
        ctx.checkpoint({"reached": 7})
        os.abort()
    time.sleep(0.3)
    seen = ctx.last_checkpoint, os.listdir("."), os.environ["NOODLE_JOB_ID"] == ctx.id, "AUTH_JWT_SECRET" in os.environ
    return {"seen": seen, "given": len(input["text"]), "large": "x" * input["size"]}


@task("stubborn")
def stubborn(ctx, input):
    """Can't be asked to end, and leaves a child."""
    tell_effect(ctx)
    if os.fork() == 0:
        tell_effect(ctx)
    while True:
        time.sleep(1)


@task("go-wrong")
def go_wrong(ctx, input):
    """Ends in a way that is not provided for."""
    return {"no-json": lambda: object(), "exit": lambda: os._exit(3), "memory": lambda: len(bytearray(400 << 20))}[input]()


if __name__ == "__main__":
    run_worker()
