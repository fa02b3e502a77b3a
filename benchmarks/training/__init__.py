"""How fast trainings are, what they compute beside the fit, and how much memory they take."""
