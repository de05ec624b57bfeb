"""Load from several processes, because threads of one interpreter take turns."""

import multiprocessing
import traceback


def _run(pipe, work, index, args):
    try:
        pipe.send((True, work(index, *args)))
    except BaseException:
        pipe.send((False, traceback.format_exc()))


def in_processes(count, work, *args, meanwhile=None):
    """Run work(index, *args) in `count` forked processes; a list of what they returned.

    `meanwhile()` runs here at the same time. A failure in any process is raised here.
    """
    context = multiprocessing.get_context('fork')
    running = []
    for index in range(count):
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(there, work, index, args), daemon=True)
        process.start()
        there.close()
        running.append((process, here))
    try:
        if meanwhile is not None:
            meanwhile()
        results = []
        for process, pipe in running:
            try:
                good, value = pipe.recv()
            except EOFError:
                raise AssertionError('a process of the test died') from None
            if not good:
                raise AssertionError('in a process of the test:\n' + value)
            results.append(value)
        return results
    finally:
        for process, pipe in running:
            pipe.close()
            process.terminate()
            process.join()
