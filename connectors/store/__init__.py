"""The store: tables made from the event types, the engines that hold them, and what archives, exports and compares."""
