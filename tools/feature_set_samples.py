"""A few sentences of our own for the sets whose text does not ship: they make the examples of the page.

Each of these sets has a corpus file, and its classes where it takes them from the labels. CoNLL-U is written
here with one word a line: form, lemma, part of speech, features, head, relation.
"""

from __future__ import annotations

import json

_TREEBANK = (
    (
        "Maria has read the longest letters, but she never writes two.",
        """Maria Maria PROPN Number=Sing 3 nsubj
has have AUX Number=Sing|Person=3|Tense=Pres|VerbForm=Fin 3 aux
read read VERB Tense=Past|VerbForm=Part 0 root
the the DET Definite=Def|PronType=Art 6 det
longest long ADJ Degree=Sup 6 amod
letters letter NOUN Number=Plur 3 obj
, , PUNCT _ 11 punct
but but CCONJ _ 11 cc
she she PRON Gender=Fem|Number=Sing|Person=3 11 nsubj
never never ADV _ 11 advmod
writes write VERB Number=Sing|Person=3|Tense=Pres|VerbForm=Fin 3 conj
two two NUM NumType=Card 11 obj
. . PUNCT _ 3 punct""",
    ),
    (
        "He told me that a river boat from the old harbour sank quickly.",
        """He he PRON Gender=Masc|Number=Sing|Person=3 2 nsubj
told tell VERB Tense=Past|VerbForm=Fin 0 root
me I PRON Number=Sing|Person=1 2 iobj
that that SCONJ _ 12 mark
a a DET Definite=Ind|PronType=Art 7 det
river river NOUN Number=Sing 7 compound
boat boat NOUN Number=Sing 12 nsubj
from from ADP _ 11 case
the the DET Definite=Def|PronType=Art 11 det
old old ADJ Degree=Pos 11 amod
harbour harbour NOUN Number=Sing 7 nmod
sank sink VERB Tense=Past|VerbForm=Fin 2 ccomp
quickly quickly ADV _ 12 advmod
. . PUNCT _ 2 punct""",
    ),
    (
        "If you want to see older houses and narrow streets, walk to the market.",
        """If if SCONJ _ 3 mark
you you PRON Person=2 3 nsubj
want want VERB Tense=Pres|VerbForm=Fin 12 advcl
to to PART _ 5 mark
see see VERB VerbForm=Inf 3 xcomp
older old ADJ Degree=Cmp 7 amod
houses house NOUN Number=Plur 5 obj
and and CCONJ _ 10 cc
narrow narrow ADJ Degree=Pos 10 amod
streets street NOUN Number=Plur 7 conj
, , PUNCT _ 12 punct
walk walk VERB Mood=Imp|VerbForm=Fin 0 root
to to ADP _ 15 case
the the DET Definite=Def|PronType=Art 15 det
market market NOUN Number=Sing 12 obl
. . PUNCT _ 12 punct""",
    ),
    (
        "We could not find his sister, who was waiting in a small garden.",
        """We we PRON Number=Plur|Person=1 4 nsubj
could can AUX VerbForm=Fin 4 aux
not not PART _ 4 advmod
find find VERB VerbForm=Inf 0 root
his he PRON Gender=Masc|Number=Sing|Person=3|Poss=Yes 6 nmod:poss
sister sister NOUN Number=Sing 4 obj
, , PUNCT _ 10 punct
who who PRON PronType=Rel 10 nsubj
was be AUX Number=Sing|Person=3|Tense=Past|VerbForm=Fin 10 aux
waiting wait VERB Tense=Pres|VerbForm=Part 6 acl:relcl
in in ADP _ 14 case
a a DET Definite=Ind|PronType=Art 14 det
small small ADJ Degree=Pos 14 amod
garden garden NOUN Number=Sing 10 obl
. . PUNCT _ 4 punct""",
    ),
)

LATEX = (
    r"""\section{Energies of points}
% where the formulas come from
The energy of a pair is $E = \frac{1}{r_{ij}^2}$, as in \cite{coulomb1785}, and that of all is
\begin{equation}
  \sum_{i < j} \frac{w_i w_j}{r_{ij}}.
\end{equation}
""",
    r"""\subsection{Points on a circle}
\begin{itemize}
  \item The \emph{regular} polygon of $n$ points, see \cite{thomson1904}; % from memory
  \item its radius $\rho = \frac{a}{2 \sin(\pi / n)}$ and the area
\end{itemize}
\[ A = \frac{n a^2}{4 \tan(\pi / n)} \]
""",
)

LANGUAGES = {
    "en": "The boat left the harbour before sunrise, and nobody on the quay saw it go.",
    "es": "El barco salió del puerto antes del amanecer y nadie en el muelle lo vio partir.",
    "fr": "Le bateau a quitté le port avant l'aube, et personne sur le quai ne l'a vu partir.",
    "nl": "De boot verliet de haven voor zonsopgang en niemand op de kade zag hem vertrekken.",
    "it": "La barca lasciò il porto prima dell'alba e nessuno sul molo la vide partire.",
    "el": "Το πλοίο έφυγε από το λιμάνι πριν από την ανατολή και κανείς δεν το είδε.",
    "de": "Das Boot verließ den Hafen vor Sonnenaufgang, und niemand am Kai sah es fahren.",
    "pt": "O barco saiu do porto antes do amanhecer e ninguém no cais o viu partir.",
    "sv": "Båten lämnade hamnen före soluppgången, och ingen på kajen såg den ge sig av.",
}

PROGRAMS = {
    "C++": "#include <vector>\ntemplate <class T>\nT total(const std::vector<T>& xs) {\n  T sum{};\n"
    "  for (const auto& x : xs) sum += x;\n  return sum;\n}\n",
    "C": "#include <stdio.h>\nint main(void) {\n  int sum = 0;\n  for (int i = 0; i < 10; i++) sum += i;\n"
    '  printf("%d\\n", sum);\n  return 0;\n}\n',
    "Go": 'package main\n\nimport "fmt"\n\nfunc main() {\n\tsum := 0\n\tfor i := range 10 {\n\t\tsum += i\n'
    "\t}\n\tfmt.Println(sum)\n}\n",
    "HTML": '<!DOCTYPE html>\n<html lang="en">\n<body>\n  <h1>Totals</h1>\n  <p class="sum">The sum is '
    "<b>45</b>.</p>\n</body>\n</html>\n",
    "Java": "public class Total {\n  public static void main(String[] args) {\n    int sum = 0;\n"
    "    for (int i = 0; i < 10; i++) sum += i;\n    System.out.println(sum);\n  }\n}\n",
    "JavaScript": "const total = (xs) => xs.reduce((sum, x) => sum + x, 0);\n"
    "console.log(total([1, 2, 3]));\nmodule.exports = { total };\n",
    "PHP": "<?php\nfunction total(array $xs): int {\n  $sum = 0;\n  foreach ($xs as $x) { $sum += $x; }\n"
    "  return $sum;\n}\necho total([1, 2, 3]);\n",
    "Python": "def total(xs):\n    result = 0\n    for x in xs:\n        result += x\n    return result\n\n\n"
    "print(total([1, 2, 3]))\n",
    "XML": '<?xml version="1.0" encoding="UTF-8"?>\n<totals>\n  <item id="1"><sum>45</sum></item>\n'
    '  <item id="2"><sum>6</sum></item>\n</totals>\n',
}

DISTRIBUTIONS = {
    "letters": "Dear Anna, thank you for the parcel. The apples arrived in good order.",
    "minutes": "Item 3. The treasurer reported a surplus. The committee agreed to repair the roof in May.",
    "recipes": "Peel the potatoes, cut them into thin slices and bake them for an hour.",
}

_ENGLISH = (
    "My sister left high school early; the high tower stands behind the village school.",
    "We sat in the living room; a living tree grew through the dining room.",
    "Both paid into social security; the social worker asked for airport security.",
    "He lost his credit card; the credit union printed a birthday card.",
    "Her blood pressure was high; a blood sample was taken under time pressure.",
    "Write 60 as prime factors; the prime number 7 and other factors remain.",
    "He reads social media all day; social clubs prefer printed media.",
    "Drugs change gene expression; a gene bank has no facial expression.",
    "The control group slept well; a control room hosted another group.",
    "A magnetic field bends the beam; the magnetic needle lay in a wheat field.",
    "They grew cell lines in glass; a cell wall follows straight lines.",
    "The trial court agreed; a trial period ended on the tennis court.",
    "Take the second derivative; the second term of the first derivative is zero.",
    "Birds of north america fly south; the north wind reaches south america.",
    "They spoke of human rights; a human hand signed the film rights.",
    "The pill has side effects; the side door had no lasting effects.",
    "She studies public health; a public garden is good for mental health, too.",
    "The federal government met; a federal judge met the local government.",
    "Data went to a third party; the third guest left the party.",
    "Two clinical trials failed; the clinical staff ran bicycle trials.",
    "Sleep helps mental health; a mental image of the health office.",
)


def _conllu(sentences: tuple[tuple[str, str], ...]) -> str:
    lines: list[str] = []
    for index, (text, rows) in enumerate(sentences):
        lines += [f"# newdoc id = {index // 2}"] if index % 2 == 0 else []
        lines += [f"# text = {text}"]
        for number, row in enumerate(rows.splitlines(), start=1):
            form, lemma, upos, feats, head, deprel = row.split(" ")
            lines.append("\t".join([str(number), form, lemma, upos, "_", feats, head, deprel, "_", "_"]))
        lines.append("")
    return "\n".join(lines) + "\n"


def _jsonl(texts: dict[str, str]) -> str:
    return "".join(json.dumps({"text": text, "label": label}) + "\n" for label, text in texts.items())


CORPORA: dict[str, tuple[str, str]] = {
    "compound_words": ("english.jsonl", "".join(json.dumps({"text": one}) + "\n" for one in _ENGLISH)),
    "dependency": ("treebank.conllu", _conllu(_TREEBANK)),
    "latex_syntax": ("latex.jsonl", "".join(json.dumps({"text": one}) + "\n" for one in LATEX)),
    "morphology": ("treebank.conllu", _conllu(_TREEBANK)),
    "natural_language": ("languages.jsonl", _jsonl(LANGUAGES)),
    "part_of_speech": ("treebank.conllu", _conllu(_TREEBANK)),
    "programming_language": ("programs.jsonl", _jsonl(PROGRAMS)),
    "text_distribution": ("parts.jsonl", _jsonl(DISTRIBUTIONS)),
}
"""Name and content of the corpus file of each set whose text does not ship."""
CLASSES: dict[str, tuple[str, ...]] = {
    "natural_language": tuple(LANGUAGES),
    "programming_language": tuple(PROGRAMS),
    "text_distribution": tuple(DISTRIBUTIONS),
}
"""Labels of the sets that take theirs from the corpus; its records have them under `label`."""
