"""Registers of kinds: what a study can name, each kind one frozen record in a module of its own.

A register finds three sorts of kinds. Its own are the modules of one package, one kind a module, each under
the name `KIND`. Those of other packages come through entry points of the register's group. A name with a
colon, `package.module:attribute`, is a reference to something of the user's.
"""

from superpos.kinds.origins import Origin
from superpos.kinds.register import Kind, Register

__all__ = ["Kind", "Origin", "Register"]
