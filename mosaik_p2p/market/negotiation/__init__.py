"""Market and operator: clearings under the networks' limits, round by round."""
