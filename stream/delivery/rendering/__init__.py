"""From an alert to a message: what is worth saying, in the format of each channel, with everything foreign escaped."""
