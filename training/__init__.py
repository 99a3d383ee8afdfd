"""Data in, checkpoint out: what a recurrent GAN is made of and how it is trained.

Nothing is imported here, so that `training.config` costs no torch.
"""
