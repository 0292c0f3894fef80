"""The bases of the client classes: running an operation, and closing. Blocking and async clients differ only here."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from contextlib import aclosing
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from mem0milvus.client.sessions import PortsT, Session
from mem0milvus.runtime.blocking_driver import iterate, run

if TYPE_CHECKING:
    from typing_extensions import Self

    from mem0milvus.client.sessions import Operation
    from mem0milvus.runtime.open_store import OpenStore

P = ParamSpec("P")
T = TypeVar("T")
ClientT = TypeVar("ClientT", bound="Client[Any]")

if TYPE_CHECKING:
    BlockingMethod = Callable[Concatenate[ClientT, P], T]
    AsyncMethod = Callable[Concatenate[ClientT, P], Coroutine[Any, Any, T]]


class Client(Generic[PortsT]):
    """A client of an open store. Its session is its only state."""

    _session: Session[PortsT]

    @classmethod
    def _over(cls, session: Session[PortsT]) -> Self:
        client = cls.__new__(cls)
        client._session = session
        return client

    @property
    def _runtime(self) -> OpenStore:
        return self._session.part.runtime

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._session.part.describe()})"


class BlockingClient(Client[PortsT]):
    """A client that runs the operations itself, without an event loop."""

    @property
    def _ports(self) -> PortsT:
        return run(self._session.open())

    def _run(self, operation: Operation[PortsT, P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return run(self._session.run(operation, *args, **kwargs))

    def _iterate(
        self, operation: Callable[Concatenate[PortsT, P], AsyncGenerator[T, None]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Iterator[T]:
        return iterate(operation(self._ports, *args, **kwargs))

    def _call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return function(*args, **kwargs)

    def close(self) -> None:
        """Finish the background adds, then close this client. A second call does nothing.

        Other methods then raise StoreError. The last client of a store closes it, which frees a Milvus Lite file for
        other processes.

        Examples:
            >>> memory.close()
            >>> store.close()
        """
        run(self._session.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class AsyncClient(Client[PortsT]):
    """A client whose operations are awaited."""

    async def _run(self, operation: Operation[PortsT, P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._session.run(operation, *args, **kwargs)

    async def _iterate(
        self, operation: Callable[Concatenate[PortsT, P], AsyncGenerator[T, None]], /, *args: P.args, **kwargs: P.kwargs
    ) -> AsyncIterator[T]:
        # Closing the operation's generator ends its query at once, also when the caller stops before the last item.
        async with aclosing(operation(await self._session.open(), *args, **kwargs)) as items:
            async for item in items:
                yield item

    async def _call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._session.driver.call(function, *args, **kwargs)

    async def aclose(self) -> None:
        """Finish the background adds, then close this client. A second call does nothing.

        Other methods then raise StoreError. The last client of a store closes it, which frees a Milvus Lite file for
        other processes.

        Examples:
            >>> await memory.aclose()
            >>> await store.aclose()
        """
        await self._session.close()

    async def __aenter__(self) -> Self:
        await self._session.open()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()


def blocking_operation(
    operation: Operation[PortsT, P, T],
) -> Callable[[BlockingMethod[ClientT, P, T]], BlockingMethod[ClientT, P, T]]:
    """Return a decorator for a blocking method without a body; see ``async_operation``."""

    def decorate(method: BlockingMethod[ClientT, P, T]) -> BlockingMethod[ClientT, P, T]:
        @wraps(method)
        def run_operation(client: ClientT, /, *args: P.args, **kwargs: P.kwargs) -> T:
            method(client, *args, **kwargs)
            return run(client._session.run(operation, *args, **kwargs))

        return run_operation

    return decorate


def async_operation(
    operation: Operation[PortsT, P, T],
) -> Callable[[AsyncMethod[ClientT, P, T]], AsyncMethod[ClientT, P, T]]:
    """Return a decorator for a method without a body: it runs the operation with the ports and the method's arguments.

    mypy checks that the operation accepts the method's parameters and returns its result.
    """

    def decorate(method: AsyncMethod[ClientT, P, T]) -> AsyncMethod[ClientT, P, T]:
        @wraps(method)
        async def run_operation(client: ClientT, /, *args: P.args, **kwargs: P.kwargs) -> T:
            # The body of the method is empty. The call makes Python check the arguments before the store is opened, and
            # the TypeError names the method rather than the operation.
            await method(client, *args, **kwargs)
            return await client._session.run(operation, *args, **kwargs)

        return run_operation

    return decorate
