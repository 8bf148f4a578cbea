"""The decorator of actions: it checks the role, locks, and turns errors into outcomes."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import ParamSpec

from alexnet_demo.common.access import READ_ONLY, Outcome, Role, require_admin
from alexnet_demo.common.errors import AccessError, ConfigError
from alexnet_demo.runs.locks import launch_lock
from alexnet_demo.runs.run import Run

P = ParamSpec("P")
Action = Callable[P, Outcome]


def action(failure: str, *, lock: bool = True) -> Callable[[Action[P]], Action[P]]:
    """Make a function an action, which reports errors in its `Outcome` instead of raising them.

    Its ``role`` argument must permit changes on this server. An `AccessError` or `ConfigError` that
    the function raises is the outcome's message as it is, an `OSError` after ``failure``; of
    a run that is gone, that it no longer exists.

    Args:
        lock: hold the launch lock, so that no two actions of any process run at the same time.
    """

    def decorate(function: Action[P]) -> Action[P]:
        @wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> Outcome:
            run = args[0] if args and isinstance(args[0], Run) else None
            run_id = run.id if run else None
            role = kwargs.get("role", READ_ONLY)
            try:
                require_admin(role if isinstance(role, Role) else READ_ONLY)
                with launch_lock() if lock else nullcontext():
                    return function(*args, **kwargs)
            except AccessError as error:
                return Outcome(False, str(error), run_id)
            except (ConfigError, OSError) as error:
                message = f"{failure}: {error}." if isinstance(error, OSError) else str(error)
                if run and not os.path.lexists(run.directory):  # another server has deleted it
                    message = "This run no longer exists."
                return Outcome(False, message, run_id)

        return wrapper

    return decorate
