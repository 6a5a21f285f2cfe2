"""What Gemini's usage figures mean; there is no endpoint of this dialect yet."""
