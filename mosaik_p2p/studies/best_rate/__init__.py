"""The best rate of a network charge: the operator chooses it, and knows how the market will answer.

A Stackelberg game after Yang et al.: the operator leads with a rate u, the market follows by clearing under it. What
all pay together, W(u), is a concave function of the rate, since every dispatch costs an amount that is linear in it;
its slope D(u) is what the rate is paid on, distance times kWh, and falls as the rate rises. The operator's revenue
u D(u) need be neither concave nor continuous: with tariffs it is a saw. The searches here know a market as a function
of the rate alone (`answer.Clear`); `follower` makes one of a scenario, `one_hour` of a market of a single period.
"""
