"""Re-running the tape with other parameters and judging the outcome; imports every room below it but the gateway."""
