"""The gateway: REST and WebSocket views of the topics and the archive; imports events, operators and connectors."""
