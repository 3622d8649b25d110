"""The bus: durable append-only topics; `base` is the interface, each engine a module beside it."""
