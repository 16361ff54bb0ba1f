# %% [markdown]
# # Assignment: better, or only lucky? (lessons 12 and 13)
#
# This copy was made for **{{student}}**; its numbers are for this copy alone. Replace each `...`
# and hand in this notebook under the name that it has. It is run from the top, by itself, within
# a minute (a cell within 20 seconds), without a network; then your answers are tried on inputs that
# are not in here. It takes about an hour and a half and has {{points.all}} points.
#
# Functions get torch tensors or Python numbers (in exercise 6 a tuple, too) and give back torch
# tensors or numbers. Where an *expected* line stands, compare with it before you hand in. An exercise
# that you leave open costs only its own points. Simulate to check yourself, but don't hand in what you
# simulated: every answer here is exact. Look each time which way is better, **lower** or **higher**.
#
# What form an answer has stands under *Form*, or in the function's first line. Keep names as they
# are. Of keys and words only letters and digits are read: capitals, blanks and signs don't count.
# **An exercise is paid in full or not at all**: "3 of 4 entries are right" helps you to find the
# fourth, but has no points.

# %%
import itertools
import math
import statistics

import torch

# %% [markdown]
# ## 1 · What a shorter search finds ({{points.1}} points, 10 minutes)
#
# Twelve trials of one search ended with the recalls below, where **higher is better**. `None` is a trial
# whose training failed. Its seconds were paid like all others', so it counts, with recall 0. Somebody has
# time for a search of $n={{n}}$ trials only: any $n$ *different* ones of the twelve, each choice as likely as
# any other. Compute the mean of the best recall that such a search finds (`expected`), and the chance that at
# least one of its trials is among the best three of the twelve (`hit`).
#
# *Form:* the dictionary below, two numbers, to {{decimals.1}} decimals.

# %% exercise="comparison.1"
recalls, n = {{recalls}}, {{n}}
### BEGIN SOLUTION
ordered = sorted((recall or 0.0 for recall in recalls), reverse=True)
N = len(ordered)
ways = [math.comb(N - k, n - 1) for k in range(1, N + 1)]
expected = sum(w * x for w, x in zip(ways, ordered)) / math.comb(N, n)
best = {"expected": expected, "hit": 1 - math.comb(N - 3, n) / math.comb(N, n)}
### END SOLUTION

# %% [markdown]
# ## 2 · The winner, once more ({{points.2}} points, 12 minutes)
#
# Each of ten settings was trained once. Its Fréchet distance stands in `scores`; **lower is better**. Then
# three settings were trained four times more, with new seeds: the best of the ten (`winner`), the second
# best (`second`) and one from the middle (`middle`).
#
# Estimate σ, the spread over seeds, from these twelve runs. Each setting has a mean of its own; the noise is
# assumed the same for all. The variance of the ten scores is $\tau^2+\sigma^2$. Take unbiased estimates of
# variances. Which score does (12.4) promise when the winner is trained again (`promised`)? Its *lead* is the
# distance from its score in the search to the mean of the ten. The mean of its four new runs is higher than
# that score: which share of the lead is gone (`gone`)?
#
# *Form:* the dictionary below, three numbers, to {{decimals.2}} decimals.

# %% exercise="comparison.2"
scores = {{scores}}
winner, second, middle = {{winner}}, {{second}}, {{middle}}
### BEGIN SOLUTION
noise = statistics.mean(statistics.variance(runs) for runs in (winner, second, middle))
spread, centre = statistics.variance(scores), statistics.mean(scores)
lead = centre - min(scores)
promised = centre - (spread - noise) / spread * lead
gone = (statistics.mean(winner) - min(scores)) / lead
again = {"sigma": math.sqrt(noise), "promised": promised, "gone": gone}
### END SOLUTION

# %% [markdown]
# ## 3 · A duel, and what chance does ({{points.3}} points, 15 minutes)
#
# Methods A and B were trained with several seeds each. The scores are distances: **lower is better**, and a
# run that failed has ∞. First give the share of pairs that A wins, a run of A against a run of B; a tie
# counts a half, and two failed runs tie.
#
# Now suppose that A and B are equally good. Then any $n$ of all the $n+m$ runs could have been A's, each
# choice as likely as any other. Count for each choice the pairs that A would win. In which share of all
# choices is this count *at least as large* as the real one? (The real choice is one of them. Runs are chosen,
# so two runs with one score are two. Compare counts, wholes and halves: they have no rounding.)

# %% exercise="comparison.3"
def duel(a, b):
    """a: (n,), b: (m,), scores; n + m is 10 at most. The pair (share of pairs, chance)."""
    ### BEGIN SOLUTION
    def wins(first, second):
        return sum((x < y) + (x == y) / 2 for x in first for y in second)

    a, b, counts = a.tolist(), b.tolist(), []
    runs = range(len(a + b))
    for chosen in itertools.combinations(runs, len(a)):
        first = [(a + b)[i] for i in chosen]
        counts.append(wins(first, [(a + b)[i] for i in runs if i not in chosen]))
    as_many = sum(count >= wins(a, b) for count in counts)
    return wins(a, b) / (len(a) * len(b)), as_many / len(counts)
    ### END SOLUTION

# %%
# expected: 0.0500 as the second of the pair
duel(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4.0, 5.0, 6.0]))

# %% [markdown]
# ## 4 · Find the leak ({{points.4}} points, 8 minutes)
#
# A record has $N$ trials, each with a score on the held-back images and one on the test images; **lower is
# better**. A friend wants the mean of what a search of $n$ trials reports, over all choices of $n$ of the $N$,
# and computes it by `expected_best(test, n)` of exercise 12.6. Which images choose the best trial there? Write
# the function without this leak: of each choice of $n$ trials the one with the best held-back score is kept,
# and its *test* score is reported. A choice of failed trials alone reports ∞, and it counts.

# %% exercise="comparison.4"
def reported(held, test, n):
    """held, test: (N,), no two equal, but ∞ in both for failed trials; 1 <= n <= N. A number."""
    ### BEGIN SOLUTION
    in_order = test[held.argsort()]
    N = len(test)
    ways = torch.tensor([math.comb(N - k, n - 1) for k in range(1, N + 1)])
    counts = ways > 0
    return (ways[counts] * in_order[counts]).sum() / math.comb(N, n)
    ### END SOLUTION

# %%
# expected: 4.6667
reported(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([5.0, 4.0, 9.0]), 2)

# %% [markdown]
# ## 5 · Five people report from one record ({{points.5}} points, 8 minutes)
#
# Five settings were trained with four seeds each, and scored as below (**lower is better**). All five people
# compare settings by a mean of two runs.
#
# | setting | held-back, run 1 | held-back, run 2 | test, run 1 | test, run 2 | test, run 3 | test, run 4 |
# |---|---|---|---|---|---|---|
# {{table}}
#
# They report for the setting that they have chosen:
#
# | A | B | C | D | E |
# |---|---|---|---|---|
# | {{printed}} |
#
# Four of them choose by runs 1 and 2 on the held-back images. Of these four, one is `"sound"`: a mean over
# seeds and images that had no say in the choice. One reports the `"winner's own score"`. One has new images,
# but `"seeds that chose"`. One reports the `"best seed"` of the two new ones, on the test images. The fifth has
# `"chosen on test"`, by runs 3 and 4, and reports their mean. Which is which?
#
# *Form:* the dictionary below; each value is one of the five names in quotes.

# %% exercise="comparison.5"
### BEGIN SOLUTION
people = {{people}}
who = {"A": people[0], "B": people[1], "C": people[2], "D": people[3], "E": people[4]}
### END SOLUTION

# %% [markdown]
# ## 6 · Halving with rungs of unequal length ({{points.6}} points, 10 minutes)
#
# Successive halving as in lesson 12, but rungs get longer: at the end of rung $i$ a trial has played `epochs[i]`
# epochs *in all*, and a trial that goes on continues from where it is. Of those that play a rung the best
# $\max(1,\lfloor\text{how many}/\eta\rfloor)$ play the next; **lower is better**. All rungs are played, also by one
# trial alone. After the last rung the best of those that played it is the survivor. Give its row (the first
# row is 0), and how many epochs all trials together have played.

# %% exercise="comparison.6"
def halving(curves, epochs, eta):
    """curves: (N, R), scores after each rung, no two of a rung equal; epochs: a tuple of R whole
    numbers, rising; eta: 2 or more. The pair (survivor's row, epochs played by all)."""
    ### BEGIN SOLUTION
    alive, played, before = list(range(len(curves))), 0, 0
    for rung, after in enumerate(epochs):
        played += len(alive) * (after - before)
        alive.sort(key=lambda row: curves[row, rung].item())
        alive, before = alive[: max(1, len(alive) // eta)], after
    return alive[0], played
    ### END SOLUTION

# %%
# expected: 8 as the second of the pair: 3 trials play 2 epochs, one plays 2 more
halving(torch.tensor([[3.0, 1.0], [2.0, 2.0], [4.0, 3.0]]), (2, 4), 2)

# %% [markdown]
# ## 7 · Who is missing? ({{points.7}} points, 10 minutes)
#
# A judge reads the hair of a face as curly, long, short or side, in this order, and errs. On real faces
# `counts[i][j]` faces of group $i$ were read as $j$. Of 2,000 samples of a model it has read `read[j]` as $j$. The
# groups' shares in the data are `real`. Take it that the judge errs on samples as it errs on real faces: (13.5)
# becomes four equations. Estimate the four groups' true shares among the model's samples. Which group is
# `"missing"` most? Divide each group's share among the samples by its share in the data: it is the group with
# the smallest quotient.
#
# *Form:* the dictionary below: four shares to {{decimals.7}} decimals, and for `missing` one of the four names
# in quotes.

# %% exercise="comparison.7"
counts, read, real = {{counts}}, {{read}}, {{real}}
### BEGIN SOLUTION
rates = torch.tensor(counts, dtype=torch.float64)
rates = rates / rates.sum(1, keepdim=True)
seen = torch.tensor(read, dtype=torch.float64)
curly, long, short, side = torch.linalg.solve(rates.T, seen / seen.sum()).tolist()
hair = {"curly": curly, "long": long, "short": short, "side": side}
parts = {group: hair[group] / share for group, share in zip(hair, real)}
least = min(parts, key=parts.get)
faces = {"curly": curly, "long": long, "short": short, "side": side, "missing": least}
### END SOLUTION

# %% [markdown]
# ## 8 · May it be written? ({{points.open}} points, 12 minutes, read by your teacher)
#
# | method | settings tried | by which images the best was chosen | FD of three new runs | images in each FD |
# |---|---|---|---|---|
# | A, ours | 60 | the test images | 12.1, 12.4, 12.6 | 10,000 |
# | B | 1, its paper's | – | 12.9, 13.2, 13.4 | 2,000 |
#
# A friend writes: "All FD are on the test images. A wins all nine pairs, so A is better than B." In at most 200
# words: name *three* reasons why this may not be written; say of each whether it favours A, favours B or neither.
# Write down the sentence that the table allows, and what you would run so that more may be written. Write into the
# next cell.

# %% [markdown] exercise="comparison.open"
# *Your answer*
