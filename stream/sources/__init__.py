"""Where signals come from: converters that read what others publish and yield CloudEvents records."""
