"""Right answers to the public assignments' exercises, written otherwise than the solutions."""

# RUNS: the student's own words of a diagnosis, in the order of its table
OTHERS = {
    "gan.1": ["line = torch.tensor([(a - b) / s**2, math.log(n_real / n_fake) "
              "- (a - b) * (a + b) / 2 / s**2])",
              "w = a / s**2 - b / s**2\nline = [w, -w * (a + b) / 2 + math.log(n_real) "
              "- math.log(n_fake)]"],
    "gan.2": ["def smoothed_loss(real, fake, alpha):\n"
              "    bce = F.binary_cross_entropy_with_logits\n"
              "    return bce(real, torch.full_like(real, 1 - alpha)) "
              "+ bce(fake, torch.zeros_like(fake))",
              "def smoothed_loss(real, fake, alpha):\n"
              "    return (F.softplus(real) - (1 - alpha) * real).mean() "
              "- F.logsigmoid(-fake).mean()"],
    "gan.3": ["def best_smoothed(p, q, alpha):\n    return (1 - alpha) / (1 + q / p)",
              "def best_smoothed(p, q, alpha):\n    d = p / (q + p)\n    return d - alpha * d"],
    "gan.4": ["x = torch.linspace(-12, 12, 20001, dtype=torch.float64)\n"
              "n = lambda m, s: torch.exp(-(x - m)**2 / 2 / s**2) / s / math.sqrt(2 * math.pi)\n"
              "p, q = (n(-gap, .6) + n(gap, .6)) / 2, n(shift, width)\n"
              "d = lambda f, g: (f * (f / g).log()).sum().item() * 0.0012\n"
              "divergences = {'JS': (d(p, (p + q) / 2) + d(q, (p + q) / 2)) / 2,\n"
              "               'KL(q||p)': d(q, p), 'KL(p||q)': d(p, q)}",
              "from numpy import linspace, exp, log, sqrt, pi, sum\n"
              "x = linspace(-12, 12, 20001)\n"
              "n = lambda m, s: exp(-(x - m)**2 / 2 / s**2) / s / sqrt(2 * pi)\n"
              "p, q = (n(-gap, .6) + n(gap, .6)) / 2, n(shift, width)\n"
              "d = lambda f, g: sum(f * log(f / g)) * (x[1] - x[0])\n"
              "divergences = {'JS': (d(p, (p + q) / 2) + d(q, (p + q) / 2)) / 2,\n"
              "               'KL(q||p)': d(q, p), 'KL(p||q)': d(p, q)}"],
    "gan.5": ["faults = {k: run.replace('-', ' ').title() for k, run in zip('ABCD', RUNS)}",
              "faults = {k: RUNS['ABCD'.index(k)].upper() for k in 'DCBA'}"],
    "gan.6": ["def largest_rate(c, eta_y):\n    return (2 / c)**2 / eta_y",
              "def largest_rate(c, eta_y):\n    return torch.tensor(4.0) / c / c / eta_y"],
    "gan.7": ["def corrected_mean(f, logits):\n"
              "    w = (logits - logits.max()).exp()\n    return w @ f / w.sum()",
              "def corrected_mean(f, logits):\n"
              "    return torch.dot(f, (logits - logits.logsumexp(0)).exp())"],
    "vae.1": ["p = w**2 / s**2 + 1\nmu = w * (x - c) / s**2 / p\n"
              "q, t = torch.distributions.Normal(m, r), torch.distributions.Normal(mu, p**-0.5)\n"
              "gap = torch.distributions.kl_divergence(q, t)",
              "evidence = -0.5 * math.log(2 * math.pi * (w**2 + s**2)) "
              "- (x - c)**2 / 2 / (w**2 + s**2)\n"
              "rec = -0.5 * math.log(2 * math.pi * s**2) "
              "- ((x - c - w * m)**2 + (w * r)**2) / 2 / s**2\n"
              "gap = evidence - rec + (m**2 + r**2 - 1) / 2 - math.log(r)"],
    "vae.2": ["def kl(m, log_var, m0, log_var0):\n"
              "    N = torch.distributions.Normal\n"
              "    one, two = N(m, (log_var / 2).exp()), N(m0, (log_var0 / 2).exp())\n"
              "    return torch.distributions.kl_divergence(one, two).sum(-1)",
              "def kl(m, log_var, m0, log_var0):\n"
              "    d = log_var - log_var0\n"
              "    far = (m0 - m).square() * (-log_var0).exp()\n"
              "    return torch.sum(torch.expm1(d) - d + far, dim=1) / 2"],
    "vae.3": ["def log_pixel(k, mean, sigma):\n"
              "    n = torch.distributions.Normal(mean, sigma)\n"
              "    up = torch.where(k < 255, n.cdf((k + .5) / 255), torch.ones_like(mean))\n"
              "    low = torch.where(k > 0, n.cdf((k - .5) / 255), torch.zeros_like(mean))\n"
              "    return torch.log(up - low)",
              "def log_pixel(k, mean, sigma):\n"
              "    edge = lambda h: ((k + h) / 255 - mean) / sigma / math.sqrt(2)\n"
              "    up, low = torch.erf(edge(.5)), torch.erf(edge(-.5))\n"
              "    up = up.masked_fill(k == 255, 1.0)\n    low = low.masked_fill(k == 0, -1.0)\n"
              "    return ((up - low) / 2).log()"],
    "vae.4": ["e = torch.tensor(spectrum, dtype=torch.float64).sort(descending=True).values\n"
              "s2 = e[latents:].mean()\nplan = {'rate': (e[:latents] / s2).log().sum() / 2,\n"
              "  'active': (e > held).sum(), 'sigma^2': s2}",
              "import numpy as np\ne = np.sort(np.array(spectrum))[::-1]\n"
              "s2 = e[latents:].mean()\nplan = {'sigma^2': s2,\n"
              "  'rate': 0.5 * np.log(e[:latents] / s2).sum(), 'active': int((e > held).sum())}"],
    "vae.5": ["who = {k: run.upper() for k, run in zip('ABCDE', RUNS)}",
              "who = {k: RUNS['ABCDE'.index(k)] for k in 'EDCBA'}"],
    "vae.6": ["def draw(m, log_s, u):\n    return m - torch.exp(log_s) * torch.log(1 / u - 1)",
              "def draw(m, log_s, u):\n    return torch.logit(u) * log_s.exp() + m"],
    "vae.7": ["def effective(log_w):\n"
              "    w = (log_w - log_w.max()).exp()\n    return w.sum()**2 / (w * w).sum()",
              "def effective(log_w):\n"
              "    return (2 * log_w.logsumexp(0) - (2 * log_w).logsumexp(0)).exp().item()"],
    "flows.1": ["grow = math.exp(k * x1)\n"
                "J = torch.tensor([[alpha, 0.0], [k * x2 * grow + t, grow]])\n"
                "z = torch.tensor([alpha * x1, x2 * math.exp(k * x1) + t * x1])\n"
                "n = torch.distributions.Normal(0.0, 1.0)\n"
                "log_p = n.log_prob(z).sum() + J.det().log()",
                "def f(x):\n    a, b = x\n"
                "    return torch.stack([alpha * a, b * (k * a).exp() + t * a])\n"
                "x = torch.tensor([x1, x2], dtype=torch.float64)\n"
                "J = torch.autograd.functional.jacobian(f, x)\n"
                "log_p = (torch.linalg.slogdet(J).logabsdet - f(x).square().sum() / 2\n"
                "         - math.log(2 * math.pi)).item()"],
    "flows.2": ["def log_density(x):\n"
                "    lost = torch.log1p(-torch.exp(-x))\n"
                "    return torch.distributions.Normal(0.0, 1.0).log_prob(x + lost) - lost",
                "def log_density(x):\n    z = x + torch.log(-torch.expm1(-x))\n"
                "    slope = 1 / -torch.expm1(-x)\n"
                "    return -0.5 * z**2 - 0.5 * math.log(2 * math.pi) + slope.log()"],
    "flows.3": ["def mix(x, weight):\n"
                "    z = F.conv2d(x, weight[:, :, None, None])\n"
                "    n = x[0, 0].numel()\n    return z, n * weight.det().abs().log()",
                "def mix(x, weight):\n"
                "    z = (weight @ x.flatten(2)).reshape(x.shape)\n"
                "    return [z, torch.linalg.svdvals(weight).log().sum() * x[0, 0].numel()]"],
    "flows.4": ["def F_(x): return (1 - b) * x + b * x**2\n"
                "P = [F_((i + 1) / 4) - F_(i / 4) for i in range(4)]\n"
                "u = torch.linspace(0, 1, 4001, dtype=torch.float64)\n"
                "d = [(1 + b * ((i + u) / 2 - 1)) / 4 for i in range(4)]\n"
                "B = [torch.trapezoid(torch.log2(p), u) for p in d]\n"
                "lengths = {'bound': -sum(s * v for s, v in zip(shares, B)),\n"
                "           'exact': -sum(s * math.log2(v) for s, v in zip(shares, P))}",
                "import numpy as np\nx = (np.arange(40000) + 0.5) / 40000\n"
                "d = (1 + b * (2 * x - 1)).reshape(4, -1)\ns = np.array(shares)\n"
                "lengths = {'exact': 2 - s @ np.log2(d.mean(1)),\n"
                "           'bound': 2 - s @ np.log2(d).mean(1)}"],
    "flows.5": ["who = {k: run.upper() for k, run in zip('ABCDE', RUNS)}",
                "who = {k: RUNS['ABCDE'.index(k)] for k in 'EDCBA'}"],
    "flows.6": ["def gain(D, T):\n    return (D - D * T * T) / 2",
                "def gain(D, T):\n    return torch.tensor(D * (1 - T) * (1 + T) * 0.5)"],
    "flows.7": ["def safe(u, w):\n    a = (w * u).sum()\n"
                "    across = u - a * w / w.square().sum()\n"
                "    return across + (F.softplus(a) - 1) * w / w.square().sum()",
                "def safe(u, w):\n    a = torch.dot(u, w)\n    n = w.norm()\n"
                "    return u + (torch.logaddexp(a, torch.zeros_like(a)) - 1 - a) / n * (w / n)"],
    "games.1": ["def factor(eta):\n    return math.hypot(1 - eta * eta, eta)",
                "def factor(eta):\n"
                "    M = torch.tensor([[1 - eta**2, -eta], [eta, 1 - eta**2]],\n"
                "                     dtype=torch.float64)\n"
                "    return M.det().sqrt()"],
    "games.2": ["def best_penalty(c, kappa):\n    return (4 * c**2 / kappa) ** 0.5",
                "def best_penalty(c, kappa):\n"
                "    return 2 * c * torch.tensor(kappa).rsqrt().item()"],
    "games.3": ["x, p, q = torch.tensor([places, first, second], dtype=torch.float64)\n"
                "F_ = (p - q).cumsum(0)[:-1].abs()\n"
                "distances = {'TV': (p - q).abs().sum() / 2, 'W1': (F_ * x.diff()).sum(),\n"
                "             'W1 after': q @ (x + moved) - p @ x}",
                "from scipy.stats import wasserstein_distance as W\n"
                "distances = {'W1': W(places, places, first, second),\n"
                "  'TV': sum(max(p - q, 0) for p, q in zip(first, second)),\n"
                "  'W1 after': W(places, [x + moved for x in places], first, second)}"],
    "games.4": ["def overrated(w1, weight, k):\n"
                "    slope = k + w1 / weight / 2\n    return slope * w1 / (k * w1)",
                "def overrated(w1, weight, k):\n"
                "    return torch.tensor((2 * weight * k + w1) / (2 * weight * k))"],
    "games.5": ["what = {k: run.upper() for k, run in zip('ABCDE', RUNS)}",
                "what = {k: RUNS['ABCDE'.index(k)] for k in 'EDCBA'}"],
    "games.6": ["def radius(d, theta):\n"
                "    return (1 - d) / math.sqrt(1 - 2 * d * math.cos(theta) + d * d)",
                "def radius(d, theta):\n"
                "    n = torch.arange(5000, dtype=torch.float64)\n"
                "    w = (1 - d) * d**n\n"
                "    return torch.polar(w, n * theta).sum().abs()"],
    "games.7": ["def bound(a, weight, alpha):\n"
                "    s = torch.linalg.svdvals(weight)[0]\n"
                "    return a.square().sum().sqrt() * s * max(1, alpha, -alpha)",
                "def bound(a, weight, alpha):\n"
                "    top = torch.linalg.eigvalsh(weight.T @ weight)[-1]\n"
                "    return ((a @ a) * top).sqrt() * (1.0 if -1 <= alpha <= 1 else abs(alpha))"],
    "samples.1": ["import numpy as np\nfrom scipy.linalg import sqrtm\n"
                  "C = lambda s, r: np.array([[s[0]**2, r * s[0] * s[1]], "
                  "[r * s[0] * s[1], s[1]**2]])\n"
                  "A, B = C(sd_a, rho_a), C(sd_b, rho_b)\n"
                  "d = np.subtract(mean_a, mean_b)\n"
                  "fd = d @ d + np.trace(A + B - 2 * sqrtm(A @ B).real)",
                  "tr = sum(x * x for x in sd_a + sd_b)\n"
                  "dets = [(x * y)**2 * (1 - r * r) for (x, y), r in "
                  "((sd_a, rho_a), (sd_b, rho_b))]\n"
                  "tr_ab = (sd_a[0] * sd_b[0])**2 + (sd_a[1] * sd_b[1])**2 "
                  "+ 2 * rho_a * rho_b * sd_a[0] * sd_a[1] * sd_b[0] * sd_b[1]\n"
                  "root = math.sqrt(tr_ab + 2 * math.sqrt(dets[0] * dets[1]))\n"
                  "fd = math.dist(mean_a, mean_b)**2 + tr - 2 * root"],
    "samples.2": ["def limit(n1, fd1, n2, fd2):\n"
                  "    c = (fd1 - fd2) / (1 / n1 - 1 / n2)\n    return fd1 - c / n1",
                  "def limit(n1, fd1, n2, fd2):\n"
                  "    A = torch.tensor([[1, 1 / n1], [1, 1 / n2]], dtype=torch.float64)\n"
                  "    y = torch.tensor([fd1, fd2], dtype=torch.float64)\n"
                  "    return torch.linalg.solve(A, y)[0]"],
    "samples.3": ["def paddings(k, s):\n    p = -(-(k - s) // 2)\n"
                  "    return [p, 2 * p - (k - s)]",
                  "def paddings(k, s):\n"
                  "    return next((p, a) for p in range(k + 1) for a in (0, 1) "
                  "if k + a - 2 * p == s)"],
    "samples.4": ["def folded(weight, bias, gamma, beta, mean, var, eps):\n"
                  "    g = gamma * torch.rsqrt(var + eps)\n"
                  "    return (torch.einsum('o,oikl->oikl', g, weight),\n"
                  "            g * bias - g * mean + beta)",
                  "def folded(weight, bias, gamma, beta, mean, var, eps):\n"
                  "    sd = torch.sqrt(var + eps)\n"
                  "    return [(weight.movedim(0, -1) / sd * gamma).movedim(-1, 0),\n"
                  "            gamma * (bias - mean) / sd + beta]"],
    "samples.5": ["verdicts = {k: run.upper() for k, run in zip('ABCD', RUNS)}",
                  "verdicts = {k: RUNS['ABCD'.index(k)] for k in 'DCBA'}"],
    "samples.6": ["from scipy.stats import binom\nimport numpy as np\n"
                  "n = np.arange(draws + 1)\n"
                  "variation = {'missing': sum(shares[1:]) * (1 / (1 - shares[0]) - 1),\n"
                  "  'floor': sum(binom.pmf(n, draws, p) @ abs(n / draws - p) for p in shares) / 2"
                  "}",
                  "g = torch.Generator().manual_seed(0)\np = torch.tensor(shares).double()\n"
                  "m = torch.multinomial(p, draws * 20000, True, generator=g)\n"
                  "m = torch.nn.functional.one_hot(m.reshape(20000, draws), 5).double().mean(1)\n"
                  "variation = {'floor': (m - p).abs().sum(1).mean() / 2, 'missing': p[0]}"],
    "samples.7": ["def recited(share, n_train, n_held):\n"
                  "    return 1 - (1 - share) * (n_train + n_held) / n_held",
                  "def recited(share, n_train, n_held):\n    n = n_train + n_held\n"
                  "    return torch.tensor((share * n - n_train) / n_held)"],
    "hybrids.1": ["from scipy.spatial.distance import jensenshannon as J\nimport numpy as np\n"
                  "mix = lambda a, b: share * np.array(a) + (1 - share) * np.array(b)\n"
                  "prices = {'untold': J(mix(p0, p1), mix(g0, g1))**2,\n"
                  "          'told': share * J(p0, g0)**2 + (1 - share) * J(p1, g1)**2}",
                  "H = lambda p: -sum(x * math.log(x) for x in p)\n"
                  "half = lambda p, q: [(x + y) / 2 for x, y in zip(p, q)]\n"
                  "js = lambda p, q: H(half(p, q)) - (H(p) + H(q)) / 2\n"
                  "mix = lambda a, b: [share * x + (1 - share) * y for x, y in zip(a, b)]\n"
                  "prices = {'told': share * js(p0, g0) + (1 - share) * js(p1, g1),\n"
                  "          'untold': js(mix(p0, p1), mix(g0, g1))}"],
    "hybrids.2": ["def best_logit(p, f, g, a, b):\n    return torch.log(p / (a * f + b * g))",
                  "def best_logit(p, f, g, a, b):\n    D = p / (p + a * f + b * g)\n"
                  "    return torch.logit(D)"],
    "hybrids.3": ["def matched(real, fake):\n    def inner(x):\n"
                  "        G = x @ x.T\n        n = len(x)\n"
                  "        return (G.sum() - G.trace()) / (n * (n - 1))\n"
                  "    return (inner(real) + inner(fake)) / 2 - real.mean(0) @ fake.mean(0)",
                  "def matched(real, fake):\n    m, n = real.shape[0], fake.shape[0]\n"
                  "    a, b = real.mean(0), fake.mean(0)\n"
                  "    na = ((real - a)**2).sum() / m / (m - 1)\n"
                  "    nb = ((fake - b)**2).sum() / n / (n - 1)\n"
                  "    return 0.5 * ((a - b) @ (a - b) - na - nb)"],
    "hybrids.4": ["def split(a, S, v):\n    w = (a * S)**2 + v\n"
                  "    return {'I': 0.5 * math.log(w / v), 'codes': (w - 1 - math.log(w)) / 2,\n"
                  "            'KL': 0.5 * (w - 1 - math.log(v))}",
                  "def split(a, S, v):\n"
                  "    N, K = torch.distributions.Normal, torch.distributions.kl_divergence\n"
                  "    t = torch.tensor([a, S, v], dtype=torch.float64)\n"
                  "    w = (t[0] * t[1])**2 + t[2]\n"
                  "    codes = K(N(0 * w, w.sqrt()), N(0 * w, 0 * w + 1))\n"
                  "    i = (w / t[2]).log() / 2\n"
                  "    return {'KL': codes + i, 'codes': codes, 'I': i}"],
    "hybrids.5": ["verdicts = {k: run.upper() for k, run in zip('ABCDE', RUNS)}",
                  "verdicts = {k: RUNS['ABCDE'.index(k)] for k in 'EDCBA'}"],
    "hybrids.6": ["w, m, s = torch.tensor([test, means, sds], dtype=torch.float64)\n"
                  "moments = {'variance': w @ (m**2 + s**2) - (w @ m)**2, 'mean': w @ m}",
                  "import numpy as np\nm = np.average(means, weights=test)\n"
                  "inside = np.average(np.square(sds), weights=test)\n"
                  "outside = np.average((np.array(means) - m)**2, weights=test)\n"
                  "moments = {'mean': m, 'variance': inside + outside}"],
    "hybrids.7": ["def real_logit(logits):\n    top = logits.max(1, keepdim=True).values\n"
                  "    return top[:, 0] + (logits - top).exp().sum(1).log()",
                  "def real_logit(logits):\n    out = logits[:, 0]\n"
                  "    for c in range(1, logits.shape[1]):\n"
                  "        out = torch.logaddexp(out, logits[:, c])\n    return out"],
    "comparison.1": ["x = sorted([r for r in recalls if r] + [0, 0])\n"
                     "every = list(itertools.combinations(range(12), n))\n"
                     "best = {'hit': sum(max(c) >= 9 for c in every) / len(every),\n"
                     "        'Expected': sum(x[max(c)] for c in every) / len(every)}",
                     "import numpy as np\nx = np.sort(np.nan_to_num(np.array(recalls, float)))\n"
                     "below = np.array([math.comb(k, n) for k in range(13)]) / math.comb(12, n)\n"
                     "best = {'expected': np.diff(below) @ x, 'hit': 1 - below[9]}"],
    "comparison.2": ["t = lambda x: torch.tensor(x, dtype=torch.float64)\n"
                     "runs = t([winner, second, middle])\ns2 = runs.var(1).mean()\n"
                     "z = t(scores)\nkept = 1 - s2 / z.var()\nlow = z.min()\n"
                     "m = z.mean()\n"
                     "again = {'sigma': s2.sqrt(), 'promised': m + kept * (low - m),\n"
                     "         'gone': (runs[0].mean() - low) / (m - low)}",
                     "import numpy as np\nrest = [np.subtract(g, np.mean(g)) for g in "
                     "(winner, second, middle)]\ns = (np.square(rest).sum() / 9)**0.5\n"
                     "m, b = np.mean(scores), min(scores)\n"
                     "tau2 = np.var(scores, ddof=1) - s**2\n"
                     "again = {'gone': 1 - (m - np.mean(winner)) / (m - b), 'sigma': s,\n"
                     "         'promised': (tau2 * b + s**2 * m) / (tau2 + s**2)}"],
    "comparison.3": ["def duel(a, b):\n    n, both = len(a), torch.cat([a, b])\n"
                     "    def twice(i):\n        out = torch.ones(len(both), dtype=bool)\n"
                     "        out[list(i)] = False\n        x, y = both[~out][:, None], both[out]\n"
                     "        return int((2 * (x < y) + (x == y)).sum())\n"
                     "    won = [twice(i) for i in itertools.combinations(range(len(both)), n)]\n"
                     "    return won[0] / 2 / n / len(b), "
                     "sum(w >= won[0] for w in won) / len(won)",
                     "def duel(a, b):\n    both = torch.cat([a, b])\n"
                     "    lower = (both[:, None] > both).double().sum(1)\n"
                     "    ranks = lower + ((both[:, None] == both).double().sum(1) + 1) / 2\n"
                     "    n, m = len(a), len(b)\n    sums = ranks[torch.tensor(list("
                     "itertools.combinations(range(n + m), n)))].sum(1)\n"
                     "    U = n * m + n * (n + 1) / 2 - sums[0]\n"
                     "    return U / (n * m), (sums <= sums[0]).double().mean()"],
    "comparison.4": ["def reported(held, test, n):\n    order = sorted(range(len(held)), "
                     "key=lambda i: held[i])\n    total, worse = 0.0, len(order)\n"
                     "    for i in order:\n        worse -= 1\n"
                     "        ways = math.comb(worse, n - 1)\n"
                     "        total += ways * test[i].item() if ways else 0\n"
                     "    return total / math.comb(len(order), n)",
                     "def reported(held, test, n):\n    place = held.argsort().argsort()\n"
                     "    N, total = len(held), 0.0\n"
                     "    for k, score in zip(place.tolist(), test):\n"
                     "        miss = [math.comb(N - k - j, n) / math.comb(N, n) for j in (0, 1)]\n"
                     "        if miss[0] > miss[1]:\n"
                     "            total = total + (miss[0] - miss[1]) * score\n    return total"],
    "comparison.5": ["who = {k: run.upper() for k, run in zip('ABCDE', RUNS)}",
                     "who = {k: RUNS['ABCDE'.index(k)] for k in 'EDCBA'}"],
    "comparison.6": ["def halving(curves, epochs, eta):\n    left = torch.arange(len(curves))\n"
                     "    paid, done = 0, 0\n    for i in range(len(epochs)):\n"
                     "        paid += len(left) * (epochs[i] - done)\n        done = epochs[i]\n"
                     "        best = curves[left, i].argsort()\n"
                     "        left = left[best][:max(len(left) // eta, 1)]\n"
                     "    return left[0], paid",
                     "def halving(curves, epochs, eta):\n    many, paid = [len(curves)], 0\n"
                     "    for _ in epochs[1:]:\n        many.append(max(1, int(many[-1] / eta)))\n"
                     "    many.append(0)\n    for i, e in enumerate(epochs):\n"
                     "        paid += e * (many[i] - many[i + 1])\n"
                     "    x = curves.clone()\n    for i, k in enumerate(many[1:-1]):\n"
                     "        x[x[:, i].argsort()[k:]] = math.inf\n"
                     "    return int(x[:, -1].argmin()), paid"],
    "comparison.7": ["import numpy as np\nC = np.array(counts) / np.sum(counts, 1)[:, None]\n"
                     "p = np.array(read) @ np.linalg.inv(C) / sum(read)\n"
                     "low = np.argmin(p / np.array(real))\n"
                     "names = ['curly', 'long', 'short', 'side']\n"
                     "faces = dict(zip(names, p)) | {'missing': names[low]}",
                     "C = torch.tensor([[x / sum(r) for x in r] for r in counts])\n"
                     "q = torch.tensor(read) / 2000\n"
                     "p = torch.linalg.lstsq(C.T, q[:, None]).solution[:, 0].tolist()\n"
                     "names = ['Curly', 'Long', 'Short', 'Side']\n"
                     "faces = {k: share for k, share in zip(names, p)}\n"
                     "faces['missing'] = min((s / r, k) for s, r, k in zip(p, real, names))[1]"],
}  # fmt: skip
