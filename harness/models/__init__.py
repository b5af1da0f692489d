"""Reference players: scripts that play a model on the wire, through the path that will judge a real one."""
