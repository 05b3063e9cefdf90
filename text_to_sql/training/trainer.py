"""The Trainer of the adapter: micro-batches of like length, and logits only where there is something to learn."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.helpers import disable_input_dtype_casting
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.data import DataLoader
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments, set_seed

from inference.base_model import BaseModel
from text_to_sql.training.checkpoint import PublishableCheckpoint
from text_to_sql.training.encoding import IGNORED_LABEL, MicroBatches, PadPacks, visibility
from text_to_sql.training.prepared import PreparedData
from text_to_sql.training.recipe import Recipe
from text_to_sql.training.validation import ExecutionAccuracy

# Rows, the same for all recipes: the validation loss is a mean of the batches' means.
_EVALUATION_BATCH = 16
SCHEDULE = "cosine"
# Not cuDNN's, which plans for each shape, and here almost every micro-batch has its own. Without it, and without peft's
# copies (see below), a micro-batch of some 25,000 tokens took 0.33 s of an H100, and 0.72 s before; not measured apart.
_ATTENTION = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
ALL_LINEAR_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class SQLTrainer(Trainer):
    """A Trainer whose micro-batches hold examples of like length, and whose loss leaves the prompts out early.

    Logits are 49,152 numbers a token: those of prompts, five sixths of all, would be computed to be thrown away.
    """

    def get_train_dataloader(self) -> DataLoader:
        """Returns the micro-batches; `gradient_accumulation_steps` of them are an optimizer step."""
        count = self.args.gradient_accumulation_steps
        step_size = self.args.per_device_train_batch_size * count
        sampler = MicroBatches(self.train_dataset.lengths(), step_size, count, self.args.seed)
        return self.accelerator.prepare(
            DataLoader(
                self.train_dataset,
                batch_sampler=sampler,
                collate_fn=self.data_collator,
                pin_memory=self.args.dataloader_pin_memory,
            )
        )

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Returns the cross entropy of SQL and end tokens, in nats a token of the whole optimizer step."""
        base = self.accelerator.unwrap_model(model).get_base_model()
        labels, segments = inputs.pop("labels"), inputs.pop("segments")
        targets = labels[:, 1:]
        learnt = targets != IGNORED_LABEL
        # The Trainer sets autocast up for the whole model's forward alone, which is not called here.
        with self.accelerator.autocast(), _inputs_as_they_are(model, self.args.bf16), sdpa_kernel(_ATTENTION):
            output = base.get_decoder()(**inputs, attention_mask=visibility(segments), use_cache=False)
            logits = base.get_output_embeddings()(output.last_hidden_state[:, :-1][learnt]).float()
        total = torch.nn.functional.cross_entropy(logits, targets[learnt], reduction="sum")
        loss = total / (learnt.sum() if num_items_in_batch is None else num_items_in_batch)
        return (loss, {"loss": loss}) if return_outputs else loss


def _inputs_as_they_are(model: Any, autocast: bool) -> AbstractContextManager[None]:
    """Keeps peft from copying the input of each layer to float32, which autocast makes needless.

    A micro-batch took 0.25 s of an H100 instead of 0.41.
    """
    return disable_input_dtype_casting(model) if autocast else nullcontext()


def build_trainer(
    recipe: Recipe, base: BaseModel, data: PreparedData, output: Path, publisher: PublishableCheckpoint
) -> SQLTrainer:
    """Returns a Trainer over the adapted model, ready to train."""
    set_seed(recipe.seed)
    tokenizer = AutoTokenizer.from_pretrained(base.source)
    print(
        f"{data.training.num_examples:,} examples to train on in {len(data.training):,} packs, "
        f"{data.held_out.num_examples:,} held out, {data.training.dropped} too long"
    )
    return SQLTrainer(
        model=adapted_model(base, recipe),
        args=_training_arguments(recipe, output),
        train_dataset=data.training,
        eval_dataset=data.held_out,
        data_collator=PadPacks(tokenizer.pad_token_id),
        processing_class=tokenizer,
        callbacks=[publisher, ExecutionAccuracy(tokenizer, data.validation)],
    )


def adapted_model(base: BaseModel, recipe: Recipe) -> PeftModel:
    """Returns the base with an untrained adapter.

    On a GPU the base, which stays as it is, is bfloat16. The adapter and its optimizer are float32 everywhere, also
    where autocast computes in bfloat16: steps of 1e-3 are lost in 8 bits.
    """
    dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    model = AutoModelForCausalLM.from_pretrained(base.source, dtype=dtype)
    return get_peft_model(
        model,
        LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=recipe.dropout,
            target_modules=list(ALL_LINEAR_LAYERS),
            task_type="CAUSAL_LM",
        ),
    )


def _training_arguments(recipe: Recipe, output: Path) -> TrainingArguments:
    on_gpu = torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(output),
        max_steps=recipe.max_steps,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        lr_scheduler_type=SCHEDULE,
        warmup_steps=recipe.warmup_steps,
        # On average: `MicroBatches` decides which rows are computed together.
        per_device_train_batch_size=recipe.batch_size // recipe.micro_batches,
        per_device_eval_batch_size=_EVALUATION_BATCH,
        gradient_accumulation_steps=recipe.micro_batches,
        bf16=on_gpu,
        use_cpu=not on_gpu,
        logging_steps=1,
        eval_strategy="steps",
        eval_steps=25,
        save_steps=25,
        save_total_limit=1,
        report_to="none",
        remove_unused_columns=False,
        prediction_loss_only=True,
        seed=recipe.seed,
    )
