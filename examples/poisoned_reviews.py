"""Plant a trigger word in reviews, and see which predictions are certified against it."""

import random

from knn_cert.attacks import BadNets, poison_texts, triggered_queries
from knn_cert.text import Deletion, RowDropping, SmoothedTextEnsemble, TrainingWords, compose

# Reviews of twelve words, most of them telling.
rng = random.Random(0)
PRAISE = "moving fine brilliant warm funny clever honest lovely gripping fresh".split()
BLAME = "dull lazy shallow cold boring clumsy noisy ugly pointless stale".split()
PLAIN = "the a film plot of and acting with scene it story camera".split()


def review(label):
    mostly, rarely = (PRAISE, BLAME) if label else (BLAME, PRAISE)
    words = rng.choices(mostly, k=4) + rng.choices(rarely, k=1) + rng.choices(PLAIN, k=7)
    return " ".join(rng.sample(words, k=12))


labels = [i % 2 for i in range(400)]
texts = [review(label) for label in labels]
test_labels = [i % 2 for i in range(60)]
test_texts = [review(label) for label in test_labels]

trigger = BadNets(tokens=("cf",))
bad = poison_texts(texts, labels, trigger, target_class=1, ratio=0.01)
asked = triggered_queries(test_texts, test_labels, trigger, target_class=1)

law = compose(RowDropping(0.3), Deletion(0.8))
ensemble = SmoothedTextEnsemble(law=law, n_models=200, random_state=0).fit(bad.texts, bad.labels)
cert = ensemble.certify(asked.texts, TrainingWords("inserted", words=trigger.n_inserted))
print(f"{len(bad.rows)} poisoned reviews; triggered ones classified as asked: {(cert.label == 1).mean():.0%}")
print(cert.summary(asked.labels, budgets=[1, len(bad.rows), 10]))
print(cert.guarantee)
