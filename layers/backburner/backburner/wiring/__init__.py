"""How the core fits together over its ports: functions pass adapters in, tests pass fakes. Writes nothing."""
