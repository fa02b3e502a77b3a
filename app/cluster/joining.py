"""Joining a running cluster through Ray Client, or refusing it in one line and in bounded time.

Ray tries a wrong address for half a minute and fills the terminal meanwhile. So the port is tried
first, without Ray: a name that does not resolve, a port where nothing listens, and one where
another protocol is spoken are refused here.
"""

import socket
from concurrent.futures import wait
from functools import partial
from types import ModuleType

from app.cluster.address import CLIENT_PORT, HeadAddress
from app.cluster.failures import NOT_STARTED, failure_on_cluster
from app.cluster.in_thread import start_in_thread
from app.errors import ClusterError

_REACHED = 5.0  # seconds for a connection, and once more for its protocol
_JOINED = 60.0  # seconds; the head starts a process for each client
_TOKEN = "it wants another token; put the one of its head into RAY_AUTH_TOKEN, or ~/.ray/auth_token"
_START = "start it there with: ray start --head"


def join_cluster(ray: ModuleType, head: HeadAddress) -> None:
    """Connect this process; raise `ClusterError`."""
    _reach(head)
    _greet(head)
    become_client(ray, head)


def become_client(ray: ModuleType, head: HeadAddress) -> None:
    """Connect this process to what is known to be a head; raise `ClusterError`.

    A head forks a process for each client. With gRPC's handlers of forks some die at once (3 of 29,
    Ray 2.60), and Ray says so after 40 s; asked again it starts another one.
    """
    error = _join(ray, head)
    if error is not None and NOT_STARTED in str(error):
        ray.shutdown()
        error = _join(ray, head)
    if error is not None:
        raise failure_on_cluster(error, {}, str(head)) from error


def _join(ray: ModuleType, head: HeadAddress) -> BaseException | None:
    quiet = {"log_to_driver": False, "logging_level": "CRITICAL"}
    joined = start_in_thread(partial(ray.init, str(head), **quiet))
    if not wait([joined], _JOINED).done:
        raise ClusterError(f"{head}: it accepts connections and does not answer; is the head busy?")
    return joined.exception()


def _reach(head: HeadAddress) -> None:
    """Raise `ClusterError` unless something accepts connections there."""
    try:
        socket.create_connection((head.host, head.port), _REACHED).close()
    except socket.gaierror:
        raise ClusterError(f"{head}: there is no machine of that name") from None
    except ConnectionRefusedError:
        raise ClusterError(f"{head}: no cluster is there; {_START}") from None
    except OSError as error:
        why = "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
        raise ClusterError(f"{head}: it cannot be reached ({why})") from None


def _greet(head: HeadAddress) -> None:
    """Raise `ClusterError` unless what accepts connections there answers as Ray's head does."""
    import grpc
    from ray._private.grpc_utils import init_grpc_channel
    from ray.core.generated.ray_client_pb2 import ClusterInfoRequest, ClusterInfoType
    from ray.core.generated.ray_client_pb2_grpc import RayletDriverStub

    with init_grpc_channel(str(head).removeprefix("ray://")) as channel:  # with Ray's token
        try:
            grpc.channel_ready_future(channel).result(_REACHED)
            ping = ClusterInfoRequest(type=ClusterInfoType.PING)
            named = [("client_id", "thalamus")]
            RayletDriverStub(channel).ClusterInfo(ping, timeout=_REACHED, metadata=named)
        except (grpc.FutureTimeoutError, grpc.RpcError) as error:
            code = error.code() if isinstance(error, grpc.Call) else None
            if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
                raise ClusterError(f"{head}: {_TOKEN}") from None
            port = f"Ray's port for clients, by default {CLIENT_PORT}"
            raise ClusterError(f"{head}: what listens there is not {port}") from None
