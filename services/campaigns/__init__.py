"""Campaigns: owns campaigns and their sends; hears campaign.send, tells message.send."""
