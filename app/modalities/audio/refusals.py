"""What several readers of sounds say of a file that they refuse."""

EXPECTED_SOUND = "expected a WAV, FLAC, Ogg or MP3 sound"
DAMAGED_SOUND = "the sound is damaged, or of a kind that is not read"
NO_SAMPLES = "expected a sound, got a file without samples"
